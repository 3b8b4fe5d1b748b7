"""Translates images of any size in memory."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from cyclegan_tf.images.images import ImageFunction, to_float, to_uint8
from cyclegan_tf.models.layers import reflected, size_multiple

# In the middle of a ResNet a side of 8 becomes 2, the least that a reflection by 1 pixel needs.
_SMALLEST = 8


def translator(generator: keras.Model) -> ImageFunction:
    """Create a function that translates one image of any size.

    The image is never resized: it is padded by reflection at its right and lower border to the
    multiple that the network needs, translated, and cropped back.

    Args:
        generator: float32 `(1, height, width, channels)` in [-1, 1], both input and output.

    Returns:
        A function from uint8 `(height, width, channels)` to uint8 of the same size.
    """
    translate = batch_translator(generator)
    return lambda image: translate(image[np.newaxis])[0]


def batch_translator(generator: keras.Model) -> ImageFunction:
    """Create a function that translates a batch of equally sized images, like `translator`.

    Args:
        generator: float32 `(batch, height, width, channels)` in [-1, 1], both input and output.

    Returns:
        A function from uint8 `(batch, height, width, channels)` to uint8 of the same size.
    """
    translate = of_any_size(frozen(generator), size_multiple(generator))

    @tf.function(input_signature=[tf.TensorSpec(generator.input_shape, tf.uint8)])
    def translated(images: tf.Tensor) -> tf.Tensor:
        return to_uint8(translate(to_float(images)))

    return lambda images: translated(images).numpy()


def frozen(generator: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Freeze a generator with its current weights as constants.

    TensorFlow can then convert kernels to the layout of its convolutions once, instead of in each
    call, which matters for single images on a CPU.

    Args:
        generator: float32 `(batch, height, width, channels)` in [-1, 1], both input and output.
    """
    spec = tf.TensorSpec(generator.input_shape, tf.float32)
    function = tf.function(lambda image: generator(image, training=False), input_signature=[spec])
    constant = convert_variables_to_constants_v2(function.get_concrete_function())
    return lambda image: constant(image)[0]


def of_any_size(
    translate: Callable[[tf.Tensor], tf.Tensor], multiple: int
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Wrap a network so that it accepts images of any size, by padding and cropping.

    Args:
        translate: Maps `(batch, height, width, channels)` to the same height and width.
        multiple: Required divisor of height and width, in pixels.
    """

    def padded_and_cropped(images: tf.Tensor) -> tf.Tensor:
        height, width = tf.unstack(tf.shape(images)[1:3])
        rows, columns = mirrored(height, multiple), mirrored(width, multiple)
        padded = tf.gather(tf.gather(images, rows, axis=1), columns, axis=2)
        return translate(padded)[:, :height, :width]

    return padded_and_cropped


def mirrored(side: tf.Tensor, multiple: int) -> tf.Tensor:
    """Return the row indices that pad a side to a multiple by reflection.

    The border pixel is not repeated. A side shorter than the padding is reflected repeatedly, so
    that images of a single pixel also work.

    Args:
        side: Number of rows, or columns, of the image.
        multiple: Required divisor of the padded side.

    Returns:
        Indices of rows, int32.
    """
    padded = tf.maximum(side + (-side) % multiple, max(multiple, _SMALLEST))
    return reflected(tf.range(padded), side)
