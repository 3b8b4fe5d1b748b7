"""Building blocks of the networks: convolutions, kernel initialization, norms and dropout."""

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from cyclegan_tf.models.convolution import Conv2D, DoublingConv2D
from cyclegan_tf.models.layers import Dropout, ReflectionPadding2D, SpectralConv2D
from cyclegan_tf.models.normalization import (
    BatchNormalization,
    InstanceNormalization,
    PenalizedInstanceNormalization,
)


@dataclass(frozen=True)
class Blocks:
    """Adds layers to a network with shared options.

    Attributes:
        norm: `instance` (without parameters, as published), `batch` or `none`.
        init_weights: Kernel initializer, see `initial_kernel`.
        init_gain: Gain of the initializer.
        upsampling: `transposed` convolution, or `resize`: nearest-neighbour upsampling and a
            convolution, which avoids checkerboard artifacts
            (https://distill.pub/2016/deconv-checkerboard).
        spectral: Whether convolutions, except transposed ones, use spectral normalization.
        penalized: Whether a gradient penalty will differentiate the network twice.
        eval_mode: Whether inference disables dropout and batch norm uses running averages; the
            published code keeps both in training mode.

    Raises:
        ValueError: If an option's value is unknown.
    """

    norm: str = "instance"
    init_weights: str = "normal"
    init_gain: float | None = None
    upsampling: str = "transposed"
    spectral: bool = False
    penalized: bool = False
    eval_mode: bool = False

    def __post_init__(self) -> None:
        for name, value, known in (
            ("norm", self.norm, ("instance", "batch", "none")),
            ("upsampling", self.upsampling, ("transposed", "resize")),
        ):
            if value not in known:
                raise ValueError(f"`{name}` should be {' or '.join(known)}. Received: {value}")
        initial_kernel(self.init_weights, self.init_gain)

    @property
    def bias_before_norm(self) -> bool:
        """Whether a convolution followed by a norm has a bias, as in the published code."""
        return self.norm == "instance"

    def convolution(
        self, x: tf.Tensor, channels: int, size: int, name: str, stride: int = 1, **options: Any
    ) -> tf.Tensor:
        """Add a convolution; `options` are passed to `Conv2D`, for example `zeros`."""
        kind = SpectralConv2D if self.spectral else Conv2D
        kernel = initial_kernel(self.init_weights, self.init_gain)
        return kind(
            channels, size, stride, kernel_initializer=kernel, name=f"{name}_conv", **options
        )(x)

    def enlarged(
        self, x: tf.Tensor, channels: int, size: int, name: str, **options: Any
    ) -> tf.Tensor:
        """Double height and width by the `upsampling` method.

        Args:
            x: Float `(batch, height, width, channels)`.
            channels: Channels of the result.
            size: Kernel size of the transposed convolution, 3 or 4.
            name: Prefix of the layers' names.
            **options: Passed to the convolution.
        """
        if self.upsampling == "transposed":
            kernel = initial_kernel(self.init_weights, self.init_gain)
            return DoublingConv2D(
                channels, size, kernel_initializer=kernel, name=f"{name}_conv", **options
            )(x)
        x = keras.layers.UpSampling2D(2, name=f"{name}_resize")(x)
        x = ReflectionPadding2D(1, name=f"{name}_pad")(x)
        return self.convolution(x, channels, 3, name, **options)

    def normalized(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """Add the norm, if any."""
        if self.norm == "instance" and self.penalized:
            return PenalizedInstanceNormalization(name=f"{name}_norm")(x)
        if self.norm == "instance":
            return InstanceNormalization(name=f"{name}_norm")(x)
        if self.norm == "batch":
            return BatchNormalization(own_statistics=not self.eval_mode, name=f"{name}_norm")(x)
        return x

    def dropped(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """Add dropout at rate 0.5."""
        return Dropout(0.5, always=not self.eval_mode, name=f"{name}_dropout")(x)


def relu(x: tf.Tensor, name: str) -> tf.Tensor:
    """Add max(x, 0)."""
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def leaky_relu(x: tf.Tensor, name: str) -> tf.Tensor:
    """Add max(x, 0.2 x)."""
    return keras.layers.LeakyReLU(0.2, name=f"{name}_relu")(x)


def initial_kernel(init_weights: str, init_gain: float | None) -> keras.initializers.Initializer:
    """Create a kernel initializer as in the published code.

    Args:
        init_weights: `normal`: standard deviation `init_gain`; the others are scaled by
            `init_gain`: `xavier` (Glorot and Bengio 2010), `kaiming` (He et al. 2015, for ReLU)
            and `orthogonal` (Saxe et al. 2013).
        init_gain: None means 0.02, or 1 with `kaiming`. Differs from the published code, where
            `kaiming` has no gain.

    Raises:
        ValueError: If the initializer is unknown.
    """
    gain = (1.0 if init_weights == "kaiming" else 0.02) if init_gain is None else init_gain
    scaling = keras.initializers.VarianceScaling
    if init_weights == "normal":
        return keras.initializers.RandomNormal(0.0, gain)
    if init_weights == "xavier":
        return scaling(gain**2, "fan_avg", "untruncated_normal")
    if init_weights == "kaiming":
        return scaling(2.0 * gain**2, "fan_in", "untruncated_normal")
    if init_weights == "orthogonal":
        return keras.initializers.Orthogonal(gain)
    raise ValueError(
        f"`init_weights` should be normal, xavier, kaiming or orthogonal. Received: {init_weights}"
    )
