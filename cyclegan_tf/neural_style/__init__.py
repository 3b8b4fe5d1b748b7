"""Texture synthesis and style transfer by Gram matrices: Gatys' method, independent of CycleGAN.

A photograph in the style of a painting::

    backbone = load_backbone("vgg19", "imagenet")
    painted = stylize(photograph, [painting], backbone, StyleOptions(iterations=500))
"""

import importlib
from typing import Any

# Imported on first use, because TensorFlow takes seconds.
_HOMES = {
    "Backbone": "features",
    "Progress": "transfer",
    "StyleOptions": "options",
    "gram_matrices": "objective",
    "load_backbone": "weights",
    "load_weights": "weights",
    "stylize": "transfer",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
