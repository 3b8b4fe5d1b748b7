"""Convolutions with PyTorch's padding, in a form that is fast on CPUs.

The results equal TensorFlow's up to rounding. TensorFlow's own CPU kernels are slower because

- the fast ones, from oneDNN, support only TensorFlow's own padding modes;
- few output channels leave most of a vector register empty; the kernel's rows can fill it;
- without AVX-512, computing a kernel's gradient as one matrix product per kernel position takes
  half the time, and convolving a single image is slower than convolving its two halves.

See docs/benchmarks.md for measurements. On a GPU, cuDNN computes everything.
"""

from typing import Any

import keras
import tensorflow as tf

from cyclegan_tf.models import hardware

# Below these sizes matrix products do not pay: with fewer channels they are too thin, and in
# shorter rows too much is padding.
_CHANNELS = 64
_WIDTH = 32
# At most _THIN output channels leave a vector mostly empty; it matters from _THICK input channels.
_THIN, _THICK = 8, 16


@keras.saving.register_keras_serializable("cyclegan_tf")
class Conv2D(keras.layers.Conv2D):
    """A convolution whose zero padding is the same number of pixels on all four sides.

    TensorFlow's `same` pads a strided convolution more on the far side, which shifts the image.

    Args:
        filters: Output channels.
        kernel_size: Kernel size in pixels.
        strides: Stride in pixels.
        zeros: Pixels of zero padding on each side.
        **kwargs: Bias, initializers, name and dtype, as for `keras.layers.Conv2D`.

    Raises:
        ValueError: If `padding` is given.

    Input:
        Float `(batch, height, width, channels)`.

    Output:
        `(batch, rows, columns, filters)` where `rows` is
        `(height + 2 * zeros - kernel_size) // strides + 1`.
    """

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, zeros: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(filters, kernel_size, strides, **kwargs)
        if self.padding != "valid":
            raise ValueError(f"use `zeros` instead of `padding`. Received: padding={self.padding}")
        self.zeros = zeros

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self._convolved(inputs, tf.convert_to_tensor(self.kernel))

    def _convolved(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        outputs = convolve(inputs, kernel, self.strides[0], self.zeros)
        return (
            tf.nn.bias_add(outputs, tf.convert_to_tensor(self.bias)) if self.use_bias else outputs
        )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, channels = input_shape
        sides = (None if side is None else side + 2 * self.zeros for side in (height, width))
        return super().compute_output_shape((batch, *sides, channels))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"zeros": self.zeros}


@keras.saving.register_keras_serializable("cyclegan_tf")
class DoublingConv2D(keras.layers.Conv2DTranspose):
    """A transposed convolution of stride 2 that doubles height and width with PyTorch's padding.

    PyTorch's padding 1 crops the full result: for kernel size 3 (with output padding 1) its first
    row and column, for kernel size 4 also its last. TensorFlow's `same` agrees for size 4 only.

    Args:
        filters: Output channels.
        kernel_size: 3 or 4.
        **kwargs: Bias, initializers, name and dtype, as for `keras.layers.Conv2DTranspose`.

    Raises:
        ValueError: For another kernel size.

    Input:
        Float `(batch, height, width, channels)`.

    Output:
        `(batch, 2 * height, 2 * width, filters)`.
    """

    def __init__(self, filters: int, kernel_size: Any, **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, **(kwargs | {"strides": 2, "padding": "same"}))
        if self.kernel_size not in ((3, 3), (4, 4)):
            raise ValueError(f"`kernel_size` should be 3 or 4. Received: {kernel_size}")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self._doubled(inputs, cut_afterwards=hardware.has_avx512_only())

    def _doubled(self, inputs: tf.Tensor, cut_afterwards: bool) -> tf.Tensor:
        batch, height, width, _ = tf.unstack(tf.shape(inputs))
        kernel = tf.convert_to_tensor(self.kernel)
        shape = tf.stack([batch, 2 * height, 2 * width, self.filters])
        far = self.kernel_size[0] - 3
        if cut_afterwards:
            full = shape + [0, 1 + far, 1 + far, 0]
            outputs = tf.nn.conv2d_transpose(inputs, kernel, full, 2, "VALID")
            outputs = tf.slice(outputs, [0, 1, 1, 0], shape)
        else:
            cut = [[0, 0], [1, far], [1, far], [0, 0]]
            outputs = tf.nn.conv2d_transpose(inputs, kernel, shape, 2, cut)
        outputs = tf.ensure_shape(outputs, self.compute_output_shape(inputs.shape))
        return (
            tf.nn.bias_add(outputs, tf.convert_to_tensor(self.bias)) if self.use_bias else outputs
        )


def convolve(images: tf.Tensor, kernel: tf.Tensor, stride: int = 1, zeros: int = 0) -> tf.Tensor:
    """Convolve images.

    Args:
        images: Float `(batch, height, width, channels)`.
        kernel: `(rows, columns, channels, channels out)`, of the same dtype.
        stride: Stride in pixels.
        zeros: Pixels of zero padding on each side.

    Returns:
        Float `(batch, height out, width out, channels out)`.
    """
    wide = hardware.has_avx512_only()
    if hardware.has_gpu() or (stride > 1 and not wide):
        sides = [zeros, zeros]
        return tf.nn.conv2d(images, kernel, stride, [[0, 0], sides, sides, [0, 0]])
    if zeros:
        images = tf.pad(images, [[0, 0], [zeros, zeros], [zeros, zeros], [0, 0]])
    rows, _, channels, channels_out = kernel.shape
    if stride == 1 and rows > 1 and channels >= _THICK and channels_out <= _THIN:
        return _by_rows(images, kernel)
    if stride == 1 and not wide and _products_pay(images, kernel):
        return _by_products(images, kernel)
    return tf.nn.conv2d(images, kernel, stride, "VALID")


def _products_pay(images: tf.Tensor, kernel: tf.Tensor) -> bool:
    return min(kernel.shape[2:]) >= _CHANNELS and (images.shape[2] or _WIDTH) >= _WIDTH


def _by_rows(images: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Convolve with stride 1: convolve with each kernel row separately and add the results.

    The rows become one-row kernels whose results are stacked as channels. A second convolution,
    with a kernel of ones, adds them up: row i is read i rows further down.
    """
    rows, columns, channels, channels_out = kernel.shape
    beside = tf.reshape(
        tf.transpose(kernel, [1, 2, 0, 3]), [1, columns, channels, rows * channels_out]
    )
    ones = tf.reshape(tf.eye(rows * channels_out, dtype=kernel.dtype), [-1, rows, 1, channels_out])
    return tf.nn.conv2d(
        tf.nn.conv2d(images, beside, 1, "VALID"), tf.transpose(ones, [1, 2, 0, 3]), 1, "VALID"
    )


def _in_halves(images: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Convolve with stride 1, and split a single image into its upper and lower half."""
    batch, height, width, _ = images.shape
    rows, columns, _, channels = kernel.shape
    if batch != 1 or None in (height, width) or (height - rows) % 2 == 0:
        return tf.nn.conv2d(images, kernel, 1, "VALID")
    half = (height - rows + 1) // 2
    halves = tf.concat([images[:, : half + rows - 1], images[:, half:]], 0)
    return tf.reshape(
        tf.nn.conv2d(halves, kernel, 1, "VALID"), [1, 2 * half, width - columns + 1, channels]
    )


@tf.custom_gradient
def _by_products(images: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """Convolve with stride 1; `kernel_gradient` computes the gradient of the kernel."""

    def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        of_images = tf.nn.conv2d_transpose(upstream, kernel, tf.shape(images), 1, "VALID")
        return of_images, kernel_gradient(images, upstream, kernel.shape[:2])

    return _in_halves(images, kernel), gradients


def kernel_gradient(images: tf.Tensor, upstream: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Compute the gradient of a kernel of stride 1 as one matrix product per kernel position.

    The upstream gradient is padded to the row length of the images. The pixels that one kernel
    position touches are then contiguous, so nothing has to be copied.

    Args:
        images: Input of the convolution, float `(batch, height, width, channels)`.
        upstream: Gradient of the result, float
            `(batch, height - rows + 1, width - columns + 1, channels out)`.
        size: Rows and columns of the kernel.

    Returns:
        Float `(rows, columns, channels, channels out)`.
    """
    rows, columns = size
    width, channels = tf.shape(images)[2], images.shape[-1]
    spread = tf.pad(upstream, [[0, 0], [0, rows - 1], [0, columns - 1], [0, 0]])
    pixels = tf.reshape(images, [-1, channels])
    run = tf.shape(pixels)[0] - (rows - 1) * width - (columns - 1)
    of_result = tf.reshape(spread, [-1, upstream.shape[-1]])[:run]
    products = [
        tf.matmul(pixels[i * width + j :][:run], of_result, transpose_a=True)
        for i in range(rows)
        for j in range(columns)
    ]
    return tf.reshape(tf.stack(products), [rows, columns, channels, upstream.shape[-1]])
