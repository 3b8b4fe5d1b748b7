"""Generators: networks that translate an image of one domain to the other."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from cyclegan_tf.config.generators import GeneratorSpec
from cyclegan_tf.models.autoencoders import encoder_decoder, segnet
from cyclegan_tf.models.blocks import Blocks, leaky_relu, relu
from cyclegan_tf.models.layers import Blend, ReflectionPadding2D, RequireMultiple


def generator(architecture: str, **options: Any) -> keras.Model:
    """Build a generator by name.

    Args:
        architecture: `resnet_N` or `gated_resnet_N`, with N residual blocks; `unet_N` for
            sides that are multiples of N pixels; `encoder_decoder` or `segnet`.
        **options: Passed to the function that builds it.

    Returns:
        A Keras model from images of `in_channels` to images of `out_channels`.

    Raises:
        UserError: If the architecture is unknown; also a `ValueError`.
    """
    spec = GeneratorSpec.parse(architecture)
    builders: dict[str, Callable[..., keras.Model]] = {
        "resnet": resnet_generator,
        "gated_resnet": gated_resnet_generator,
        "unet": unet_generator,
        "encoder_decoder": encoder_decoder,
        "segnet": segnet,
    }
    size = (spec.number,) if spec.number else ()
    return builders[spec.family](*size, **options)


def resnet_generator(
    blocks: int,
    in_channels: int = 3,
    out_channels: int = 3,
    filters: int = 64,
    dropout: bool = False,
    name: str = "resnet_generator",
    **style: Any,
) -> keras.Model:
    """Build the ResNet generator of the CycleGAN paper.

    In the paper's notation: c7s1-64, d128, d256, R256 x `blocks`, u128, u64, c7s1-3. With 9
    blocks and 3 channels it has 11,378,179 parameters.

    Args:
        blocks: Residual blocks: 9 for 256 px and up, 6 for 128 px.
        in_channels: Channels of the input domain.
        out_channels: Channels of the output domain.
        filters: Channels of the first layer; the middle has four times as many.
        dropout: Whether residual blocks apply dropout of 0.5 between their convolutions.
        name: Name of the model.
        **style: Norm, kernel initialization and so on, see `Blocks`.

    Returns:
        A model from float `(batch, height, width, in_channels)` in [-1, 1] to float32
        `(batch, height, width, out_channels)` in [-1, 1]. Sides can be any multiples of 4.

    Raises:
        ValueError: If a style option is unknown.

    Reference:
        Zhu et al., https://arxiv.org/abs/1703.10593, appendix 7.2; Johnson et al.,
        https://arxiv.org/abs/1603.08155
    """
    add = Blocks(**style)
    image = keras.Input((None, None, in_channels), name="image")
    x = RequireMultiple(4, name="size")(image)
    x = _reflected(add, x, filters, 7, "stem")
    x = _down(add, x, 2 * filters, "down_1")
    x = _down(add, x, 4 * filters, "down_2")
    for block in range(1, blocks + 1):
        x = _residual_block(add, x, f"block_{block}", dropout)
    x = _up(add, x, 2 * filters, "up_1")
    x = _up(add, x, filters, "up_2")
    x = ReflectionPadding2D(3, name="head_pad")(x)
    x = add.convolution(x, out_channels, 7, "head")
    return keras.Model(image, _tanh(x), name=name)


def gated_resnet_generator(
    blocks: int,
    in_channels: int = 3,
    out_channels: int = 3,
    filters: int = 64,
    name: str = "gated_resnet_generator",
    **style: Any,
) -> keras.Model:
    """Build a ResNet generator that predicts a mask of the pixels to change.

    It differs from the paper's in three ways, so that short training on small images succeeds:
    the last layer outputs new content and a mask, which are blended into the input (see `Blend`);
    skip connections join features of the same size, as in a U-Net; and the first and last
    convolutions are 3x3, not 7x7. With 2 blocks the receptive field is 49 px.

    Args:
        blocks: Residual blocks.
        in_channels: Channels of both domains.
        out_channels: Must equal `in_channels`.
        filters: Channels of the first layer; the middle has four times as many.
        name: Name of the model.
        **style: Norm, kernel initialization and so on, see `Blocks`.

    Returns:
        A model from float `(batch, height, width, in_channels)` in [-1, 1] to float32 of the
        same shape in [-1, 1]. Sides can be any multiples of 4.

    Raises:
        ValueError: If the domains differ in channels, or a style option is unknown.

    Reference:
        Mejjati et al., https://arxiv.org/abs/1806.02311 (with a separate network for the mask);
        Ronneberger et al., https://arxiv.org/abs/1505.04597
    """
    if in_channels != out_channels:
        raise ValueError(
            "a gated generator needs equal input and output channels. "
            f"Received: in_channels={in_channels}, out_channels={out_channels}"
        )
    add = Blocks(**style)
    image = keras.Input((None, None, in_channels), name="image")
    x = RequireMultiple(4, name="size")(image)
    whole = _reflected(add, x, filters, 3, "stem")
    half = _down(add, whole, 2 * filters, "down_1")
    x = _down(add, half, 4 * filters, "down_2")
    for block in range(1, blocks + 1):
        x = _residual_block(add, x, f"block_{block}")
    x = _up(add, x, 2 * filters, "up_1")
    x = _up(add, keras.layers.Concatenate(name="join_1")([x, half]), filters, "up_2")
    x = keras.layers.Concatenate(name="join_2")([x, whole, image])
    x = ReflectionPadding2D(1, name="head_pad")(x)
    x = add.convolution(x, out_channels + 1, 3, "head")
    return keras.Model(image, Blend(name="head_blend", dtype="float32")([x, image]), name=name)


def unet_generator(
    size: int,
    in_channels: int = 3,
    out_channels: int = 3,
    filters: int = 64,
    dropout: bool = False,
    name: str = "unet_generator",
    **style: Any,
) -> keras.Model:
    """Build the U-Net generator of the pix2pix paper.

    The encoder halves the image level by level and the decoder doubles it again; skip connections
    join levels of the same size. With 256 px and instance norm it has 54,409,603 parameters.

    Args:
        size: Side in pixels that is reduced to 1, a power of 2, at least 32; 256 has 8 levels.
        in_channels: Channels of the input domain.
        out_channels: Channels of the output domain.
        filters: Channels of the first level; the width doubles up to 8 times that.
        dropout: Whether the decoder levels of full width, except the innermost, apply dropout
            of 0.5.
        name: Name of the model.
        **style: Norm, kernel initialization and so on, see `Blocks`.

    Returns:
        A model from float `(batch, height, width, in_channels)` in [-1, 1] to float32
        `(batch, height, width, out_channels)` in [-1, 1]. Sides can be any multiples of `size`.

    Raises:
        ValueError: If `size` is not a power of 2, at least 32, or a style option is unknown.

    Reference:
        Isola et al., https://arxiv.org/abs/1611.07004, appendix 6.1.1; Ronneberger et al.,
        https://arxiv.org/abs/1505.04597
    """
    levels = size.bit_length() - 1
    if size != 2**levels or levels < 5:
        raise ValueError(f"`size` should be a power of 2, at least 32. Received: {size}")
    add = Blocks(**style)
    widths = [filters * min(2**level, 8) for level in range(levels)]
    image = keras.Input((None, None, in_channels), name="image")
    x = RequireMultiple(size, name="size")(image)
    skips = []  # After the activation: in the published code it works in place.
    for level, width in enumerate(widths, start=1):
        if level > 1:
            x = leaky_relu(x, f"down_{level}")
            skips.append(x)
        normed = 1 < level < levels
        bias = add.bias_before_norm
        x = add.convolution(x, width, 4, f"down_{level}", 2, zeros=1, use_bias=bias)
        x = add.normalized(x, f"down_{level}") if normed else x
    for level in range(levels, 1, -1):
        x = relu(x, f"up_{level}")
        x = add.enlarged(x, widths[level - 2], 4, f"up_{level}", use_bias=add.bias_before_norm)
        x = add.normalized(x, f"up_{level}")
        if dropout and 5 <= level < levels:
            x = add.dropped(x, f"up_{level}")
        x = keras.layers.Concatenate(name=f"join_{level}")([skips[level - 2], x])
    x = add.enlarged(relu(x, "up_1"), out_channels, 4, "up_1")
    return keras.Model(image, _tanh(x), name=name)


def _tanh(x: tf.Tensor) -> tf.Tensor:
    return keras.layers.Activation("tanh", name="head_tanh", dtype="float32")(x)


def _reflected(add: Blocks, x: tf.Tensor, channels: int, size: int, name: str) -> tf.Tensor:
    x = ReflectionPadding2D(size // 2, name=f"{name}_pad")(x)
    x = add.convolution(x, channels, size, name, use_bias=add.bias_before_norm)
    return relu(add.normalized(x, name), name)


def _down(add: Blocks, x: tf.Tensor, channels: int, name: str) -> tf.Tensor:
    x = add.convolution(x, channels, 3, name, 2, zeros=1, use_bias=add.bias_before_norm)
    return relu(add.normalized(x, name), name)


def _residual_block(add: Blocks, x: tf.Tensor, name: str, dropout: bool = False) -> tf.Tensor:
    y = _reflected(add, x, x.shape[-1], 3, f"{name}_1")
    y = add.dropped(y, name) if dropout else y
    y = ReflectionPadding2D(1, name=f"{name}_2_pad")(y)
    y = add.convolution(y, x.shape[-1], 3, f"{name}_2", use_bias=add.bias_before_norm)
    y = add.normalized(y, f"{name}_2")
    # No activation after the addition.
    return keras.layers.Add(name=f"{name}_add")([x, y])


def _up(add: Blocks, x: tf.Tensor, channels: int, name: str) -> tf.Tensor:
    x = add.enlarged(x, channels, 3, name, use_bias=add.bias_before_norm)
    return relu(add.normalized(x, name), name)
