"""The signatures of an exported model, as functions of tensors."""

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
    """The weights and the two signatures of a generator, without Keras objects.

    Dropout is off or deterministic. The run's `eval_mode` decides the statistics of batch norm.

    Args:
        generator: Input and output are float32 `(batch, height, width, channels)` in [-1, 1].
        max_pixels: Images with more pixels are rejected.

    Attributes:
        encoded: Maps `image_bytes`, string `(batch,)`, to `generated_image_bytes`, string
            `(batch,)`, PNG files of the same sizes or empty, and `status`, int32 `(batch,)`.
        floats: Maps `image`, float32 `(batch, height, width, channels)` in [-1, 1], to
            `generated_image` of the same shape and range.
    """

    def __init__(self, generator: keras.Model, max_pixels: int) -> None:
        super().__init__()
        self.weights = network_state(generator)
        self.encoded = _encoded(generator, max_pixels)
        self.floats = _floats(generator, max_pixels)


def _encoded(generator: keras.Model, max_pixels: int) -> tf.types.experimental.ConcreteFunction:
    """Build the function from encoded images to encoded images, see `Signatures.encoded`."""
    channels, translate = generator.input_shape[-1], _any_size(generator)

    def row(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, status = decode(encoded, channels, max_pixels)

        def translated() -> tf.Tensor:
            return tf.io.encode_png(to_uint8(translate(to_float(image[tf.newaxis])))[0])

        return tf.cond(status == Status.GOOD, translated, lambda: tf.constant(b"")), status

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, IMAGE_BYTES)], autograph=False)
    def encoded(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.control_dependencies([_not_empty(image_bytes)]):
            # One image at a time, to bound memory.
            answers, status = tf.map_fn(
                row, image_bytes, parallel_iterations=1, fn_output_signature=(tf.string, tf.int32)
            )
        return {GENERATED_BYTES: answers, STATUS: status}

    return encoded.get_concrete_function()


def _floats(generator: keras.Model, max_pixels: int) -> tf.types.experimental.ConcreteFunction:
    """Build the function from float images to float images, see `Signatures.floats`."""
    channels, translate = generator.input_shape[-1], _any_size(generator)
    spec = tf.TensorSpec([None, None, None, channels], tf.float32, IMAGE)

    @tf.function(input_signature=[spec], autograph=False)
    def floats(image: tf.Tensor) -> dict[str, tf.Tensor]:
        _, height, width, _ = tf.unstack(tf.shape(image, tf.int64))
        message = f"images must have 1 to {max_pixels} pixels"
        limit = tf.constant(max_pixels, tf.int64)
        small = tf.debugging.assert_less_equal(height * width, limit, message)
        with tf.control_dependencies([_not_empty(image), small]):
            return {GENERATED: translate(tf.identity(image))}

    return floats.get_concrete_function()


def _any_size(generator: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    return of_any_size(lambda x: generator(x, training=False), size_multiple(generator))


def _not_empty(batch: tf.Tensor) -> tf.Operation:
    return tf.debugging.assert_positive(tf.size(batch), "the batch is empty")
