"""Layers of the published networks that Keras does not have.

Paddings are written out as layers: PyTorch's padding of a strided convolution is not
TensorFlow's `same`, which pads more on the far side and so shifts the picture by a pixel.
"""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("cyclegan_tf")
class ReflectionPadding2D(keras.layers.Layer):
    """Pads pictures by mirroring them at the border, without repeating the border pixel.

    Args:
        padding: Pixels added on each of the four sides, at least 1.

    Input: `(batch, height, width, channels)`, height and width larger than `padding`.
    Output: `(batch, height + 2 * padding, width + 2 * padding, channels)`.

    Raises:
        ValueError: If `padding` is not a positive integer.
    """

    def __init__(self, padding: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(padding, int) or padding < 1:
            raise ValueError(f"`padding` should be a positive integer. Received: {padding}")
        self.padding = padding

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        sides = [self.padding, self.padding]
        return tf.pad(inputs, [[0, 0], sides, sides, [0, 0]], mode="REFLECT")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, channels = input_shape
        return (
            batch,
            None if height is None else height + 2 * self.padding,
            None if width is None else width + 2 * self.padding,
            channels,
        )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"padding": self.padding}


@keras.saving.register_keras_serializable("cyclegan_tf")
class RequireMultiple(keras.layers.Layer):
    """Passes pictures through whose sides are multiples of a number, and refuses others.

    A network that halves its input twice gives back another size than it got when a side is
    no multiple of 4; this turns the silent shift into an error.

    Args:
        multiple: What height and width have to be divisible by.

    Raises:
        ValueError: At construction of a network on a static size that does not fit.
        tf.errors.InvalidArgumentError: At run time, for sizes known only then.
    """

    def __init__(self, multiple: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.multiple = multiple

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if None not in self.compute_output_shape(inputs.shape)[1:3]:
            return inputs
        sides = tf.shape(inputs)[1:3]
        check = tf.debugging.assert_equal(sides % self.multiple, 0, self._message, summarize=2)
        with tf.control_dependencies([check] if check is not None else []):
            return tf.identity(inputs)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        if any(side is not None and side % self.multiple for side in input_shape[1:3]):
            raise ValueError(f"{self._message}. Received: {tuple(input_shape)}")
        return tuple(input_shape)

    @property
    def _message(self) -> str:
        return f"height and width should be multiples of {self.multiple}"

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"multiple": self.multiple}


@keras.saving.register_keras_serializable("cyclegan_tf")
class Blend(keras.layers.Layer):
    """Lays new content over a picture, as far as a mask says.

    Computes `image + mask * (tanh(content) - image)`, where the mask is the sigmoid of the
    last channel given: where it is 0 the picture stays exactly as it is.

    Inputs: `[content_and_mask, image]`, `(batch, height, width, channels + 1)` and
        `(batch, height, width, channels)`; image in [-1, 1].
    Output: float32 of the image's shape, in [-1, 1].

    Reference:
        Mejjati et al., https://arxiv.org/abs/1806.02311
    """

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        content_and_mask, image = (tf.cast(tensor, tf.float32) for tensor in inputs)
        content = tf.tanh(content_and_mask[..., :-1])
        mask = tf.sigmoid(content_and_mask[..., -1:])
        return image + mask * (content - image)

    def compute_output_shape(self, input_shape: list[Any]) -> tuple[int | None, ...]:
        return tuple(input_shape[1])
