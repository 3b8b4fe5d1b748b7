"""What the networks are made of: convolutions with their initial kernels, norms and dropout."""

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
    """Adds layers to a network, all in one way.

    Attributes:
        norm: `instance` (without parameters, as published), `batch` or `none`.
        init_weights: Distribution of the initial kernels, see `initial_kernel`.
        init_gain: Its gain.
        upsampling: `transposed` convolution, or `resize`: nearest-neighbour enlargement and a
            convolution, against checkerboards (https://distill.pub/2016/deconv-checkerboard).
        spectral: Whether convolutions, the transposed ones excepted, are spectrally normalized.
        penalized: Whether a gradient penalty will differentiate the network twice.
        eval_mode: Whether dropout is off, and batch norm takes its running averages, when the
            network is not trained; the published code leaves both as in training.

    Raises:
        ValueError: If one of the names is unknown.
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
        """Whether a convolution that a norm follows has a bias: where the published code has it."""
        return self.norm == "instance"

    def convolution(
        self, x: tf.Tensor, channels: int, size: int, name: str, stride: int = 1, **options: Any
    ) -> tf.Tensor:
        """Adds a convolution; `options` are those of `Conv2D`, such as `zeros`."""
        kind = SpectralConv2D if self.spectral else Conv2D
        kernel = initial_kernel(self.init_weights, self.init_gain)
        return kind(
            channels, size, stride, kernel_initializer=kernel, name=f"{name}_conv", **options
        )(x)

    def enlarged(
        self, x: tf.Tensor, channels: int, size: int, name: str, **options: Any
    ) -> tf.Tensor:
        """Doubles height and width, in the way `upsampling` says.

        Args:
            x: Float `(batch, height, width, channels)`.
            channels: Of the result.
            size: Kernel of the transposed convolution, 3 or 4.
            name: Of the layers, to which each adds what it is.
            **options: For the convolution.
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
        """Adds the norm, if there is one."""
        if self.norm == "instance" and self.penalized:
            return PenalizedInstanceNormalization(name=f"{name}_norm")(x)
        if self.norm == "instance":
            return InstanceNormalization(name=f"{name}_norm")(x)
        if self.norm == "batch":
            return BatchNormalization(own_statistics=not self.eval_mode, name=f"{name}_norm")(x)
        return x

    def dropped(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """Adds dropout of one half."""
        return Dropout(0.5, always=not self.eval_mode, name=f"{name}_dropout")(x)


def relu(x: tf.Tensor, name: str) -> tf.Tensor:
    """Adds max(x, 0)."""
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def leaky_relu(x: tf.Tensor, name: str) -> tf.Tensor:
    """Adds max(x, 0.2 x)."""
    return keras.layers.LeakyReLU(0.2, name=f"{name}_relu")(x)


def initial_kernel(init_weights: str, init_gain: float | None) -> keras.initializers.Initializer:
    """Returns the distribution of initial kernels, as the published code has them.

    Args:
        init_weights: `normal`: deviation `init_gain`; `xavier`: `init_gain` times that of Glorot
            and Bengio 2010; `kaiming`: `init_gain` times that of He et al. 2015 for ReLU;
            `orthogonal`: `init_gain` times an orthogonal matrix (Saxe et al. 2013).
        init_gain: None stands for 0.02, and for 1 with `kaiming`. Differs from the published
            code, which gives `kaiming` no gain.

    Raises:
        ValueError: If the distribution is unknown.
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
