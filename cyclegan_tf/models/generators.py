"""Generators: networks that take a picture of one domain and give one of the other."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from cyclegan_tf.compat import instance_normalization
from cyclegan_tf.models.layers import Blend, ReflectionPadding2D, RequireMultiple


def generator(architecture: str, **options: Any) -> keras.Model:
    """Builds a generator by its name.

    Args:
        architecture: `resnet_N` or `gated_resnet_N`; N is the number of residual blocks.
        **options: Passed to `resnet_generator` or `gated_resnet_generator`.

    Returns:
        A Keras model from pictures of `in_channels` to pictures of `out_channels`.

    Raises:
        ValueError: If the name is none of these.
    """
    kind, _, blocks = architecture.rpartition("_")
    builders = {"resnet": resnet_generator, "gated_resnet": gated_resnet_generator}
    if kind not in builders or not blocks.isdigit():
        raise ValueError(
            f"`architecture` should be resnet_N or gated_resnet_N. Received: {architecture}"
        )
    return builders[kind](int(blocks), **options)


def resnet_generator(
    blocks: int,
    in_channels: int = 3,
    out_channels: int = 3,
    filters: int = 64,
    upsampling: str = "transposed",
    init_gain: float = 0.02,
    name: str = "resnet_generator",
) -> keras.Model:
    """Builds the ResNet generator of the CycleGAN paper.

    In the paper's notation c7s1-64, d128, d256, R256 x `blocks`, u128, u64, c7s1-3. With 9
    blocks and 3 channels it has 11,378,179 parameters.

    Args:
        blocks: Residual blocks: 9 for 256 px and up, 6 for 128 px.
        in_channels: Channels of the input domain.
        out_channels: Channels of the output domain.
        filters: Channels of the first layer; the middle has four times as many.
        upsampling: `transposed` convolution as published, or `resize`: nearest-neighbour
            enlargement and a convolution, against checkerboards
            (Odena et al., https://distill.pub/2016/deconv-checkerboard).
        init_gain: Standard deviation of the initial kernels; biases start at 0.
        name: Name of the model.

    Returns:
        A model from float `(batch, height, width, in_channels)` in [-1, 1] to float32
        `(batch, height, width, out_channels)` in [-1, 1]. Sizes are free, multiples of 4.

    Raises:
        ValueError: If `upsampling` is unknown.

    Reference:
        Zhu et al., https://arxiv.org/abs/1703.10593, appendix 7.2; Johnson et al.,
        https://arxiv.org/abs/1603.08155
    """
    image = keras.Input((None, None, in_channels), name="image")
    x = RequireMultiple(4, name="size")(image)
    x = ReflectionPadding2D(3, name="stem_pad")(x)
    x = _normalized(_convolution(x, filters, 7, init_gain, "stem"), "stem")
    x = _down(x, 2 * filters, init_gain, "down_1")
    x = _down(x, 4 * filters, init_gain, "down_2")
    for block in range(1, blocks + 1):
        x = _residual_block(x, init_gain, f"block_{block}")
    up = _enlarger(upsampling)
    x = up(x, 2 * filters, init_gain, "up_1")
    x = up(x, filters, init_gain, "up_2")
    x = ReflectionPadding2D(3, name="head_pad")(x)
    x = _convolution(x, out_channels, 7, init_gain, "head")
    x = keras.layers.Activation("tanh", name="head_tanh", dtype="float32")(x)
    return keras.Model(image, x, name=name)


def gated_resnet_generator(
    blocks: int,
    in_channels: int = 3,
    out_channels: int = 3,
    filters: int = 64,
    upsampling: str = "transposed",
    init_gain: float = 0.02,
    name: str = "gated_resnet_generator",
) -> keras.Model:
    """Builds a ResNet generator that says what to change, and leaves the rest as it is.

    It differs from the paper's in three ways, which make short training on small pictures
    succeed: the last layer gives new content and a mask, which are blended into the input
    (see `Blend`); the features before each halving are handed to the same size on the way up,
    as in a U-Net; and the first and last convolutions are 3x3, not 7x7.
    With 2 blocks a pixel depends on a field of 49 px.

    Args:
        blocks: Residual blocks.
        in_channels: Channels of both domains.
        out_channels: The same.
        filters: Channels of the first layer; the middle has four times as many.
        upsampling: As for `resnet_generator`.
        init_gain: Standard deviation of the initial kernels; biases start at 0.
        name: Name of the model.

    Returns:
        A model from float `(batch, height, width, in_channels)` in [-1, 1] to float32 of the
        same shape in [-1, 1]. Sizes are free, multiples of 4.

    Raises:
        ValueError: If the domains have unequal channels, or `upsampling` is unknown.

    Reference:
        Mejjati et al., https://arxiv.org/abs/1806.02311 (whose mask is a network of its own);
        Ronneberger et al., https://arxiv.org/abs/1505.04597
    """
    if in_channels != out_channels:
        raise ValueError(
            "a gated generator needs as many channels out as in. "
            f"Received: in_channels={in_channels}, out_channels={out_channels}"
        )
    image = keras.Input((None, None, in_channels), name="image")
    x = RequireMultiple(4, name="size")(image)
    x = ReflectionPadding2D(1, name="stem_pad")(x)
    whole = _normalized(_convolution(x, filters, 3, init_gain, "stem"), "stem")
    half = _down(whole, 2 * filters, init_gain, "down_1")
    x = _down(half, 4 * filters, init_gain, "down_2")
    for block in range(1, blocks + 1):
        x = _residual_block(x, init_gain, f"block_{block}")
    up = _enlarger(upsampling)
    x = up(x, 2 * filters, init_gain, "up_1")
    x = up(keras.layers.Concatenate(name="join_1")([x, half]), filters, init_gain, "up_2")
    x = keras.layers.Concatenate(name="join_2")([x, whole, image])
    x = ReflectionPadding2D(1, name="head_pad")(x)
    x = _convolution(x, out_channels + 1, 3, init_gain, "head")
    return keras.Model(image, Blend(name="head_blend", dtype="float32")([x, image]), name=name)


def _kernel(init_gain: float) -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(0.0, init_gain)


def _convolution(
    x: tf.Tensor, channels: int, size: int, init_gain: float, name: str, stride: int = 1
) -> tf.Tensor:
    return keras.layers.Conv2D(
        channels, size, stride, kernel_initializer=_kernel(init_gain), name=f"{name}_conv"
    )(x)


def _normalized(x: tf.Tensor, name: str, activation: bool = True) -> tf.Tensor:
    x = instance_normalization(f"{name}_norm")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x) if activation else x


def _down(x: tf.Tensor, channels: int, init_gain: float, name: str) -> tf.Tensor:
    x = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return _normalized(_convolution(x, channels, 3, init_gain, name, stride=2), name)


def _residual_block(x: tf.Tensor, init_gain: float, name: str) -> tf.Tensor:
    y = x
    for half, activation in ((f"{name}_1", True), (f"{name}_2", False)):
        y = ReflectionPadding2D(1, name=f"{half}_pad")(y)
        y = _normalized(_convolution(y, x.shape[-1], 3, init_gain, half), half, activation)
    # No activation after the addition.
    return keras.layers.Add(name=f"{name}_add")([x, y])


def _up_transposed(x: tf.Tensor, channels: int, init_gain: float, name: str) -> tf.Tensor:
    x = keras.layers.Conv2DTranspose(
        channels, 3, 2, kernel_initializer=_kernel(init_gain), name=f"{name}_conv"
    )(x)
    # PyTorch's padding 1 with output padding 1 is the full result without its first row and
    # column; `same` would be shifted by a pixel.
    x = keras.layers.Cropping2D(((1, 0), (1, 0)), name=f"{name}_crop")(x)
    return _normalized(x, name)


def _up_resize(x: tf.Tensor, channels: int, init_gain: float, name: str) -> tf.Tensor:
    x = keras.layers.UpSampling2D(2, name=f"{name}_resize")(x)
    x = ReflectionPadding2D(1, name=f"{name}_pad")(x)
    return _normalized(_convolution(x, channels, 3, init_gain, name), name)


def _enlarger(upsampling: str) -> Callable[[tf.Tensor, int, float, str], tf.Tensor]:
    enlargers = {"transposed": _up_transposed, "resize": _up_resize}
    if upsampling not in enlargers:
        raise ValueError(f"`upsampling` should be transposed or resize. Received: {upsampling}")
    return enlargers[upsampling]
