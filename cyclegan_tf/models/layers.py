"""Layers of the published networks that Keras lacks."""

import random
from typing import Any

import keras
import tensorflow as tf

from cyclegan_tf.compat import add_state
from cyclegan_tf.models import hardware, randomness
from cyclegan_tf.models.convolution import Conv2D


@keras.saving.register_keras_serializable("cyclegan_tf")
class ReflectionPadding2D(keras.layers.Layer):
    """Pads images by reflection at the border, without repeating the border pixel.

    On a CPU, a gather takes about half the time of `tf.pad`, including the gradient.

    Args:
        padding: Pixels added on each of the four sides, at least 1.

    Input:
        `(batch, height, width, channels)`, height and width larger than `padding`.

    Output:
        `(batch, height + 2 * padding, width + 2 * padding, channels)`.

    Raises:
        ValueError: If `padding` is not a positive integer.
    """

    def __init__(self, padding: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(padding, int) or padding < 1:
            raise ValueError(f"`padding` should be a positive integer. Received: {padding}")
        self.padding = padding

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if hardware.has_gpu():
            sides = [self.padding, self.padding]
            return tf.pad(inputs, [[0, 0], sides, sides, [0, 0]], mode="REFLECT")
        known, sizes, channels = inputs.shape[:3], tf.unstack(tf.shape(inputs)[:3]), inputs.shape[3]
        batch, height, width = (
            size if side is None else side for side, size in zip(known, sizes, strict=True)
        )
        index = tf.range(batch)[:, tf.newaxis, tf.newaxis]
        rows, columns = (
            reflected(tf.range(-self.padding, side + self.padding), side)
            for side in (height, width)
        )
        pixel = (index * height + rows[:, tf.newaxis]) * width + columns
        padded = tf.gather(tf.reshape(inputs, [-1, channels]), tf.reshape(pixel, [-1]))
        added = 2 * self.padding
        return tf.reshape(padded, [batch, height + added, width + added, channels])

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


def reflected(places: tf.Tensor, side: int | tf.Tensor) -> tf.Tensor:
    """Map pixel indices into a side by reflection at both ends.

    The end pixels are not repeated. An index may be further away than the side is long, and a
    side may have a single pixel.

    Args:
        places: Pixel indices, int32; [0, side) lies inside.
        side: Length of the side in pixels.

    Returns:
        Indices in [0, side), int32, of the same shape.
    """
    period = tf.maximum(2 * side - 2, 1)
    places = tf.abs(places) % period
    return tf.minimum(places, period - places)


@keras.saving.register_keras_serializable("cyclegan_tf")
class RequireMultiple(keras.layers.Layer):
    """Passes images through if their sides are multiples of a number, and rejects others.

    A network that halves its input twice returns a different size if a side is not a multiple
    of 4; this layer turns the silent shift into an error.

    Args:
        multiple: Required divisor of height and width, in pixels.

    Raises:
        ValueError: When a network is built on a static size that is not a multiple.
        tf.errors.InvalidArgumentError: At run time, for sizes unknown until then.
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


def size_multiple(network: keras.Model) -> int:
    """Return the number that height and width of a network's input must be multiples of."""
    multiples = [layer.multiple for layer in network.layers if isinstance(layer, RequireMultiple)]
    return max(multiples, default=1)


@keras.saving.register_keras_serializable("cyclegan_tf")
class Blend(keras.layers.Layer):
    """Blends new content into an image by a mask.

    Computes `image + mask * (tanh(content) - image)`, where the mask is the sigmoid of the
    last channel. Where the mask is 0, the image is unchanged.

    Inputs:
        `[content_and_mask, image]`, `(batch, height, width, channels + 1)` and
        `(batch, height, width, channels)`; image in [-1, 1].

    Output:
        float32 of the image's shape, in [-1, 1].

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


@keras.saving.register_keras_serializable("cyclegan_tf")
class Dropout(keras.layers.Layer):
    """Drops features at random and scales up the others, identically on any number of replicas.

    The dropped features are a function of the seed and a count of training calls. The count is
    a variable, so a resumed run drops the same features as an uninterrupted one.

    Args:
        rate: Fraction of features to drop, in [0, 1).
        always: Whether to drop features at inference too, as in the published pix2pix. The same
            features are then dropped in every call.
        seed: Any integer; None draws one.

    Raises:
        ValueError: If `rate` is not in [0, 1).
    """

    def __init__(
        self, rate: float, always: bool = False, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"`rate` should be in [0, 1). Received: {rate}")
        self.rate = rate
        self.always = always
        # Python's generator, which `keras.utils.set_random_seed` seeds.
        self.seed = random.getrandbits(31) if seed is None else seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.count = add_state(self, "count", (), "int64")
        self.built = True

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        if not training and not self.always:
            return inputs
        count = tf.convert_to_tensor(self.count)
        uniform = randomness.draw(tf.random.stateless_uniform, tf.shape(inputs), self.seed, count)
        if training:
            self.count.assign(count + 1)
        kept = tf.cast(uniform >= self.rate, inputs.dtype)
        return inputs * kept / (1.0 - self.rate)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        own = {"rate": self.rate, "always": self.always, "seed": self.seed}
        return super().get_config() | own


@keras.saving.register_keras_serializable("cyclegan_tf")
class SpectralConv2D(Conv2D):
    """A convolution whose kernel is divided by its largest singular value.

    The kernel is treated as a matrix with one column per output channel. Each training call runs
    one power iteration for its singular value, starting from the last call's vector; gradients
    pass through the division. Keras' `SpectralNormalization` overwrites the kernel instead, which
    fails with several replicas.

    Reference:
        Miyato et al., https://arxiv.org/abs/1802.05957
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        super().build(input_shape)
        start = tf.random.stateless_normal([self.filters], [0, self.filters])
        self.right = add_state(
            self, "singular_vector", (self.filters,), "float32", tf.math.l2_normalize(start)
        )

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        kernel = tf.cast(tf.convert_to_tensor(self.kernel), tf.float32)
        matrix = tf.reshape(kernel, [-1, self.filters])
        right = tf.convert_to_tensor(self.right)
        constant = tf.stop_gradient(matrix)
        left = tf.math.l2_normalize(tf.linalg.matvec(constant, right))
        if training:
            right = tf.math.l2_normalize(tf.linalg.matvec(constant, left, transpose_a=True))
            self.right.assign(right)
        largest = tf.tensordot(left, tf.linalg.matvec(matrix, right), 1)
        return self._convolved(inputs, tf.cast(kernel / largest, inputs.dtype))
