"""Configuration files of TF Serving, in text format, for the folder of a model."""

import re
from pathlib import Path

from cyclegan_tf.serving.publishing import write_if_missing


def model_name(base: Path) -> str:
    """Return the name of a model: its folder's name, with only characters that suit a URL."""
    return re.sub(r"[^\w.-]", "_", base.resolve().name) or "model"


def write_configuration(base: Path) -> list[Path]:
    """Write those of `models.config`, `batching.config` and `monitoring.config` that are missing.

    Args:
        base: Folder of the model. The server mounts it at `/models/NAME`.

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
# --model_config_file: the models to serve. base_path is the folder in the server.
model_config_list {{
  config {{
    name: "{name}"
    base_path: "/models/{name}"
    model_platform: "tensorflow"
    # Serve the largest version. To roll back to an older one:
    # model_version_policy {{ specific {{ versions: 1 }} }}
    model_version_policy {{ latest {{ num_versions: 1 }} }}
  }}
}}
"""

_BATCHING = """\
# --enable_batching --batching_parameters_file: concurrent requests run as one batch.
# Use this for a2b_float and b2a_float on a GPU if all clients send images of one size.
# Requests of different sizes cannot be batched and fail. Batching is safe for a2b and b2a, but
# does not speed them up, because they process images one by one.
max_batch_size { value: 8 }
batch_timeout_micros { value: 5000 }
max_enqueued_batches { value: 64 }
num_batch_threads { value: 2 }
"""

_MONITORING = """\
# --monitoring_config_file: metrics for Prometheus, on the REST port.
prometheus_config {
  enable: true
  path: "/monitoring/prometheus/metrics"
}
"""
