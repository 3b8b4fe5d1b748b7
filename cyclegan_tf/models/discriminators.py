"""Discriminators: networks that tell pictures of a domain from generated ones."""

from typing import Any

import keras
import tensorflow as tf

from cyclegan_tf.compat import instance_normalization


def patch_discriminator(
    layers: int = 3,
    channels: int = 3,
    filters: int = 64,
    init_gain: float = 0.02,
    name: str = "patch_discriminator",
) -> keras.Model:
    """Builds the PatchGAN: a fully convolutional judge of overlapping patches.

    C64, C128, C256 of stride 2, C512 and the output of stride 1, all 4x4 with padding 1, for
    `layers` = 3: patches of 70 px, 2,764,737 parameters, 30x30 answers to 256 px. The width
    doubles with each layer up to 8 times the first.

    Args:
        layers: Layers of stride 2, 1 to 5: patches of 16, 34, 70, 142, 286 px.
        channels: Channels of the judged domain.
        filters: Channels of the first layer.
        init_gain: Standard deviation of the initial kernels; biases start at 0.
        name: Name of the model.

    Returns:
        A model from float `(batch, height, width, channels)` in [-1, 1] to float32 scores
        `(batch, rows, columns, 1)` without bounds: lsgan trains them towards 1 for real.

    Raises:
        ValueError: If `layers` is not 1 to 5.

    Reference:
        Isola et al., https://arxiv.org/abs/1611.07004, appendix 6.1.2
    """
    if not 1 <= layers <= 5:
        raise ValueError(f"`layers` should be 1 to 5. Received: {layers}")

    image = keras.Input((None, None, channels), name="image")
    x = image
    for layer in range(layers + 1):
        layer_name = f"layer_{layer + 1}"
        stride = 2 if layer < layers else 1
        x = _convolution(x, filters * min(2**layer, 8), stride, init_gain, layer_name)
        if layer > 0:
            x = instance_normalization(f"{layer_name}_norm")(x)
        x = keras.layers.LeakyReLU(0.2, name=f"{layer_name}_relu")(x)
    scores = _convolution(x, 1, 1, init_gain, "scores", dtype="float32")
    return keras.Model(image, scores, name=name)


def _convolution(
    x: tf.Tensor, width: int, stride: int, init_gain: float, name: str, **options: Any
) -> tf.Tensor:
    x = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    kernel = keras.initializers.RandomNormal(0.0, init_gain)
    return keras.layers.Conv2D(
        width, 4, stride, kernel_initializer=kernel, name=f"{name}_conv", **options
    )(x)
