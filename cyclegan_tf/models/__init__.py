"""The models of the papers: layers, networks, losses, the image pool and the training step.

Importing this package registers its layers with Keras, so that `keras.models.load_model` can
load networks saved as `.keras` files.
"""

from cyclegan_tf.models import autoencoders, convolution, layers, normalization

__all__ = ["autoencoders", "convolution", "layers", "normalization"]
