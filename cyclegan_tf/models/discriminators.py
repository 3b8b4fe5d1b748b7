"""Discriminators: networks that distinguish images of a domain from generated ones."""

from typing import Any

import keras

from cyclegan_tf.models.blocks import Blocks, leaky_relu


def discriminator(kind: str, layers: int, **options: Any) -> keras.Model:
    """Build a discriminator by name.

    Args:
        kind: `patch` or `pixel`.
        layers: Number of layers of stride 2, for `patch` only.
        **options: Passed to the function that builds it.

    Raises:
        ValueError: If `kind` is unknown.
    """
    if kind == "patch":
        return patch_discriminator(layers, **options)
    if kind == "pixel":
        return pixel_discriminator(**options)
    raise ValueError(f"`kind` should be patch or pixel. Received: {kind}")


def patch_discriminator(
    layers: int = 3,
    channels: int = 3,
    filters: int = 64,
    name: str = "patch_discriminator",
    **style: Any,
) -> keras.Model:
    """Build the PatchGAN: a fully convolutional network that scores overlapping patches.

    All layers are 4x4 with padding 1. With `layers` = 3: C64, C128, C256 of stride 2, then C512
    and the output of stride 1; patches of 70 px, 2,764,737 parameters, 30x30 scores for 256 px.
    The width doubles with each layer, up to 8 times the first.

    Args:
        layers: Layers of stride 2, 1 to 5, for patches of 16, 34, 70, 142 or 286 px.
        channels: Channels of the input images.
        filters: Channels of the first layer.
        name: Name of the model.
        **style: Norm, kernel initialization and so on, see `Blocks`.

    Returns:
        A model from float `(batch, height, width, channels)` in [-1, 1] to unbounded
        float32 scores `(batch, rows, columns, 1)`. With `lsgan` the target of real images is 1.

    Raises:
        ValueError: If `layers` is not 1 to 5, or a style option is unknown.

    Reference:
        Isola et al., https://arxiv.org/abs/1611.07004, appendix 6.1.2
    """
    if not 1 <= layers <= 5:
        raise ValueError(f"`layers` should be 1 to 5. Received: {layers}")
    add = Blocks(**style)
    image = keras.Input((None, None, channels), name="image")
    x = image
    for layer in range(layers + 1):
        layer_name = f"layer_{layer + 1}"
        stride = 2 if layer < layers else 1
        options = {"zeros": 1, "use_bias": layer == 0 or add.bias_before_norm}
        x = add.convolution(x, filters * min(2**layer, 8), 4, layer_name, stride, **options)
        x = add.normalized(x, layer_name) if layer > 0 else x
        x = leaky_relu(x, layer_name)
    scores = add.convolution(x, 1, 4, "scores", zeros=1, dtype="float32")
    return keras.Model(image, scores, name=name)


def pixel_discriminator(
    channels: int = 3, filters: int = 64, name: str = "pixel_discriminator", **style: Any
) -> keras.Model:
    """Build the 1x1 PatchGAN, which scores the colour of each pixel on its own.

    Args:
        channels: Channels of the input images.
        filters: Channels of the first layer; the second has twice as many.
        name: Name of the model.
        **style: Norm, kernel initialization and so on, see `Blocks`.

    Returns:
        A model from float `(batch, height, width, channels)` in [-1, 1] to unbounded
        float32 scores `(batch, height, width, 1)`.

    Raises:
        ValueError: If a style option is unknown.

    Reference:
        Isola et al., https://arxiv.org/abs/1611.07004, section 4.4
    """
    add = Blocks(**style)
    image = keras.Input((None, None, channels), name="image")
    x = leaky_relu(add.convolution(image, filters, 1, "layer_1"), "layer_1")
    bias = {"use_bias": add.bias_before_norm}
    x = add.convolution(x, 2 * filters, 1, "layer_2", **bias)
    x = leaky_relu(add.normalized(x, "layer_2"), "layer_2")
    scores = add.convolution(x, 1, 1, "scores", dtype="float32", **bias)
    return keras.Model(image, scores, name=name)
