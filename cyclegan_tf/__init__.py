"""CycleGAN for Keras and TensorFlow: translating images between two unpaired domains."""

import importlib
import os
from typing import Any

__version__ = "0.1.0"

# TensorFlow reads these once, when any module of this package imports it, whichever is the first.
# It writes to stderr, at import, about the GPU libraries it did not find.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Its oneDNN kernels are on by default on some CPUs only; they are faster on all that have AVX2.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# Where each public name lives; they are imported when first used, because TensorFlow takes
# seconds and `--help` should not.
_HOMES = {
    "Config": "config.config",
    "UserError": "errors",
    "CycleGAN": "models.cyclegan",
    "Pix2Pix": "models.pix2pix",
    "Autoencoder": "models.autoencoder",
    "ImagePool": "models.image_pool",
    "resnet_generator": "models.generators",
    "patch_discriminator": "models.discriminators",
    "adam": "compat",
    "Geometry": "data.geometry",
    "Domain": "data.domain",
    "open_sources": "data.sources",
    "unpaired_dataset": "data.pipeline",
    "Experiment": "runs.experiment",
    "load_generators": "runs.run",
    "TranslationOptions": "translation.options",
    "translate_files": "translation.files",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
