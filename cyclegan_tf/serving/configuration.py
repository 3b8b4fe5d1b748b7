"""TF Serving's configuration files, in text format, for a model's folder."""

import re
from pathlib import Path

from cyclegan_tf.serving.publishing import write_if_missing


def model_name(base: Path) -> str:
    """Returns the name that a model's folder gives it, in characters that fit a URL."""
    return re.sub(r"[^\w.-]", "_", base.resolve().name) or "model"


def write_configuration(base: Path) -> list[Path]:
    """Writes `models.config`, `batching.config` and `monitoring.config`, those that are missing.

    Args:
        base: The model's folder. In the server it lies at `/models/NAME`.

    Returns:
        The three paths.
    """
    texts = {
        "models.config": _MODELS.format(name=model_name(base)),
        "batching.config": _BATCHING,
        "monitoring.config": _MONITORING,
    }
    for file, text in texts.items():
        write_if_missing(base / file, text)
    return [base / file for file in texts]


_MODELS = """\
# --model_config_file: which models are served. The folder is its place in the server.
model_config_list {{
  config {{
    name: "{name}"
    base_path: "/models/{name}"
    model_platform: "tensorflow"
    # The largest version. To go back to an older one:
    # model_version_policy {{ specific {{ versions: 1 }} }}
    model_version_policy {{ latest {{ num_versions: 1 }} }}
  }}
}}
"""

_BATCHING = """\
# --enable_batching --batching_parameters_file: requests that come at one time are run as one.
# Worth it for a2b_float and b2a_float on a GPU, where all clients send pictures of one size:
# requests of different sizes cannot be joined, and fail. a2b and b2a are safe here, too, but run
# their pictures one after the other and gain nothing.
max_batch_size { value: 8 }
batch_timeout_micros { value: 5000 }
max_enqueued_batches { value: 64 }
num_batch_threads { value: 2 }
"""

_MONITORING = """\
# --monitoring_config_file: figures for Prometheus, at the REST port.
prometheus_config {
  enable: true
  path: "/monitoring/prometheus/metrics"
}
"""
