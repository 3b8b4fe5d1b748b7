"""Translating pictures in memory: any size in, the same size out."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from cyclegan_tf.images.images import ImageFunction, to_float, to_uint8
from cyclegan_tf.models.layers import reflected, size_multiple

# In the middle of a ResNet, a side of 8 is one of 2, the least that can be mirrored by a pixel.
_SMALLEST = 8


def translator(generator: keras.Model) -> ImageFunction:
    """Makes a function that translates one picture of any size.

    The picture is never resized: it is padded to the multiple that the network needs by mirroring
    at its right and lower border, translated, and cropped back.

    Args:
        generator: float32 `(1, height, width, channels)` in [-1, 1], both ways.

    Returns:
        A function from uint8 `(height, width, channels)` to uint8 of the same size.
    """
    translate = batch_translator(generator)
    return lambda image: translate(image[np.newaxis])[0]


def batch_translator(generator: keras.Model) -> ImageFunction:
    """Makes a function that translates pictures of one size, as `translator` does.

    Args:
        generator: float32 `(batch, height, width, channels)` in [-1, 1], both ways.

    Returns:
        A function from uint8 `(batch, height, width, channels)` to uint8 of the same size.
    """
    translate = of_any_size(frozen(generator), size_multiple(generator))

    @tf.function(input_signature=[tf.TensorSpec(generator.input_shape, tf.uint8)])
    def translated(images: tf.Tensor) -> tf.Tensor:
        return to_uint8(translate(to_float(images)))

    return lambda images: translated(images).numpy()


def frozen(generator: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a generator with its present weights as constants.

    TensorFlow can then bring kernels into the form its convolutions want once, instead of at each
    call, which matters for single pictures on a CPU.

    Args:
        generator: float32 `(batch, height, width, channels)` in [-1, 1], both ways.
    """
    spec = tf.TensorSpec(generator.input_shape, tf.float32)
    function = tf.function(lambda image: generator(image, training=False), input_signature=[spec])
    constant = convert_variables_to_constants_v2(function.get_concrete_function())
    return lambda image: constant(image)[0]


def of_any_size(
    translate: Callable[[tf.Tensor], tf.Tensor], multiple: int
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Wraps a network so that it takes pictures of any size, padded and cropped back.

    Args:
        translate: From `(batch, height, width, channels)` to the same height and width.
        multiple: What it needs them to be divisible by.
    """

    def padded_and_cropped(images: tf.Tensor) -> tf.Tensor:
        height, width = tf.unstack(tf.shape(images)[1:3])
        rows, columns = mirrored(height, multiple), mirrored(width, multiple)
        padded = tf.gather(tf.gather(images, rows, axis=1), columns, axis=2)
        return translate(padded)[:, :height, :width]

    return padded_and_cropped


def mirrored(side: tf.Tensor, multiple: int) -> tf.Tensor:
    """Returns which rows make a side a multiple, mirroring at the border.

    The border itself is not repeated, and a side shorter than the padding is mirrored more
    than once, so that pictures of a single pixel pass too.

    Args:
        side: Rows, or columns, of the picture.
        multiple: What their number has to be divisible by.

    Returns:
        Numbers of rows, int32.
    """
    padded = tf.maximum(side + (-side) % multiple, max(multiple, _SMALLEST))
    return reflected(tf.range(padded), side)
