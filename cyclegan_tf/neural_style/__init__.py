"""Texture synthesis and style transfer by Gram matrices: Gatys' method, apart from CycleGAN.

backbone = Backbone("vgg19", load_weights("vgg19", "imagenet"))
painted = stylize(photograph, [painting], backbone, image_size=512, iterations=500)
"""

from cyclegan_tf.neural_style.features import Backbone
from cyclegan_tf.neural_style.transfer import Progress, gram_matrices, stylize
from cyclegan_tf.neural_style.weights import load_weights

__all__ = ["Backbone", "Progress", "gram_matrices", "load_weights", "stylize"]
