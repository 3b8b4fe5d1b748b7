"""What an exported model can be asked for, as functions of tensors."""

from collections.abc import Callable

import keras
import tensorflow as tf

from cyclegan_tf.compat import network_state
from cyclegan_tf.images.images import to_float, to_uint8
from cyclegan_tf.models.layers import size_multiple
from cyclegan_tf.serving.decoding import Status, decode
from cyclegan_tf.translation.network import of_any_size

# TF Serving encodes outputs as base64 in JSON if their name ends in `_bytes`.
IMAGE_BYTES, GENERATED_BYTES, STATUS = "image_bytes", "generated_image_bytes", "status"
IMAGE, GENERATED = "image", "generated_image"


class Signatures(tf.Module):
    """A generator's weights with its two signatures, ready to be saved; no Keras object is left.

    Dropout is off, or the same each time, and batch norm takes what the run's `eval_mode` says.

    Args:
        generator: float32 `(batch, height, width, channels)` in [-1, 1], both ways.
        max_pixels: Pictures with more are refused.

    Attributes:
        encoded: From `image_bytes`, string `(batch,)`, to `generated_image_bytes`, string
            `(batch,)`, each a PNG of its picture's size or empty, and `status`, int32 `(batch,)`.
        floats: From `image`, float32 `(batch, height, width, channels)` in [-1, 1], to
            `generated_image`, the same.
    """

    def __init__(self, generator: keras.Model, max_pixels: int) -> None:
        super().__init__()
        self.weights = network_state(generator)
        self.encoded = _encoded(generator, max_pixels)
        self.floats = _floats(generator, max_pixels)


def _encoded(generator: keras.Model, max_pixels: int) -> tf.types.experimental.ConcreteFunction:
    """Makes the function from files to files.

    `image_bytes`, string `(batch,)`, to `generated_image_bytes`, string `(batch,)`, each a PNG of
    its picture's own size or empty, and `status`, int32 `(batch,)`, see `Status`.
    """
    channels, translate = generator.input_shape[-1], _any_size(generator)

    def row(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        picture, status = decode(encoded, channels, max_pixels)

        def translated() -> tf.Tensor:
            return tf.io.encode_png(to_uint8(translate(to_float(picture[tf.newaxis])))[0])

        return tf.cond(status == Status.GOOD, translated, lambda: tf.constant(b"")), status

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, IMAGE_BYTES)], autograph=False)
    def encoded(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.control_dependencies([_not_empty(image_bytes)]):
            # One after the other, so that memory is bounded by one picture's.
            answers, status = tf.map_fn(
                row, image_bytes, parallel_iterations=1, fn_output_signature=(tf.string, tf.int32)
            )
        return {GENERATED_BYTES: answers, STATUS: status}

    return encoded.get_concrete_function()


def _floats(generator: keras.Model, max_pixels: int) -> tf.types.experimental.ConcreteFunction:
    """Makes the function from `image` to `generated_image`.

    Both are float32 `(batch, height, width, channels)` in [-1, 1], of any one size.
    """
    channels, translate = generator.input_shape[-1], _any_size(generator)
    spec = tf.TensorSpec([None, None, None, channels], tf.float32, IMAGE)

    @tf.function(input_signature=[spec], autograph=False)
    def floats(image: tf.Tensor) -> dict[str, tf.Tensor]:
        _, height, width, _ = tf.unstack(tf.shape(image, tf.int64))
        message = f"a picture has 1 to {max_pixels} pixels here"
        limit = tf.constant(max_pixels, tf.int64)
        small = tf.debugging.assert_less_equal(height * width, limit, message)
        with tf.control_dependencies([_not_empty(image), small]):
            return {GENERATED: translate(tf.identity(image))}

    return floats.get_concrete_function()


def _any_size(generator: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    return of_any_size(lambda x: generator(x, training=False), size_multiple(generator))


def _not_empty(batch: tf.Tensor) -> tf.Operation:
    return tf.debugging.assert_positive(tf.size(batch), "the batch is empty")
