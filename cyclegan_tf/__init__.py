"""CycleGAN for Keras and TensorFlow: translating images between two unpaired domains."""

import importlib
import os
import warnings
from typing import Any

__version__ = "0.2.0"

# The only setting that importing this package changes; TensorFlow reads it once, at import. oneDNN
# kernels are on by default on some CPUs only, and faster on all CPUs with AVX2.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# The module of each public name. Names are imported on first use, because importing TensorFlow
# takes seconds and `--help` should not.
_HOMES = {
    "Run": "runs.run",
    "Config": "config.config",
    "UserError": "errors",
    "CycleGAN": "models.cyclegan",
    "Pix2Pix": "models.pix2pix",
    "Autoencoder": "models.autoencoder",
    "ImagePool": "models.image_pool",
    "resnet_generator": "models.generators",
    "patch_discriminator": "models.discriminators",
    "adam": "models.adam",
    "Geometry": "data.geometry",
    "Domain": "data.domain",
    "open_sources": "data.sources",
    "unpaired_dataset": "data.pipeline",
    "Experiment": "runs.experiment",
    "TranslationOptions": "translation.options",
    "translate_files": "translation.files",
    "read_image": "images.images",
    "write_image": "images.images",
    "metrics_table": "evaluation.figures",
    "changed_ratio": "evaluation.figures",
    "train_live": "runs.live",
    "import_tensorflow": "cli",
}
# Deprecated public names, which work for one more version: their module and their replacement.
_FORMER = {"load_generators": ("runs.run", "Run.open")}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if name in _FORMER:
        home, successor = _FORMER[name]
        message = f"{__name__}.{name} is replaced by {__name__}.{successor}"
        warnings.warn(message, FutureWarning, stacklevel=2)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
