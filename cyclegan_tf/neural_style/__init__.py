"""Texture synthesis and style transfer by Gram matrices: Gatys' method, apart from CycleGAN.

A photograph in the style of a painting::

    backbone = load_backbone("vgg19", "imagenet")
    painted = stylize(photograph, [painting], backbone, StyleOptions(iterations=500))
"""

from cyclegan_tf.neural_style.features import Backbone
from cyclegan_tf.neural_style.objective import gram_matrices
from cyclegan_tf.neural_style.transfer import Progress, stylize
from cyclegan_tf.neural_style.weights import load_backbone, load_weights
from cyclegan_tf.style_options import StyleOptions

__all__ = [
    "Backbone",
    "Progress",
    "StyleOptions",
    "gram_matrices",
    "load_backbone",
    "load_weights",
    "stylize",
]
