"""Generators whose translations are known by thought."""

import keras
import numpy as np

from cyclegan_tf.models.layers import RequireMultiple


def identity(channels=3):
    """A generator that gives its input back, and like ours takes multiples of 4 only."""
    image = keras.Input((None, None, channels))
    return keras.Model(image, RequireMultiple(4)(image))


def next_diagonal():
    """A generator whose every pixel is the input's next one, down and to the right."""
    image = keras.Input((None, None, 1))
    kernel = np.zeros((3, 3, 1, 1), np.float32)
    kernel[2, 2] = 1.0
    layer = keras.layers.Conv2D(1, 3, padding="same", use_bias=False)
    model = keras.Model(image, layer(RequireMultiple(4)(image)))
    layer.set_weights([kernel])
    return model


def noise(height, width, channels=3, seed=0):
    """A picture."""
    shape = (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
