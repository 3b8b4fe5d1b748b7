"""Norms: what brings features to mean 0 and variance 1."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cyclegan_tf import compat
from cyclegan_tf.models import hardware

# PyTorch's value, and therefore the published networks'; Keras and TensorFlow Addons have 1e-3.
INSTANCE_NORM_EPSILON = 1e-5


@keras.saving.register_keras_serializable("cyclegan_tf")
class InstanceNormalization(compat.InstanceNormalization):
    """Instance norm without parameters, as the stack that is installed has it.

    That takes several passes over the features, and its gradient more. With AVX-512, oneDNN takes
    half as long: in training by batch norm, of which a picture alone is the whole batch; otherwise
    by an operation of its own, which TensorFlow puts in when it optimizes a graph.

    Input:
        Float `(batch, height, width, channels)`.

    Output:
        The same shape and dtype; mean 0 and (biased) variance 1 over each picture's positions.

    Reference:
        Ulyanov et al., https://arxiv.org/abs/1607.08022
    """

    def __init__(self, **kwargs: Any) -> None:
        published = {"epsilon": INSTANCE_NORM_EPSILON, "center": False, "scale": False}
        super().__init__(**(kwargs | published | compat.INSTANCE_NORMALIZATION_ARGUMENTS))

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        if inputs.dtype != tf.float32 or not hardware.has_avx512_only():
            return super().call(inputs)
        count = inputs.shape[0]
        if not training or count is None:
            return _as_one_operation(inputs)
        return tf.concat([_as_a_batch(picture) for picture in tf.split(inputs, count)], 0)


def _as_a_batch(picture: tf.Tensor) -> tf.Tensor:
    """Normalizes float32 `(1, height, width, channels)`."""
    channels = picture.shape[-1]
    return tf.raw_ops.FusedBatchNormV3(
        x=picture,
        scale=tf.ones([channels]),
        offset=tf.zeros([channels]),
        mean=[],  # Running averages, which there are none of.
        variance=[],
        epsilon=INSTANCE_NORM_EPSILON,
    ).y


def _as_one_operation(pictures: tf.Tensor) -> tf.Tensor:
    """Normalizes float32 `(batch, height, width, channels)`, in the form that TensorFlow looks for.

    Part of that are a scale and an offset. One and zero would have been simplified away by then;
    what stands in for them, the number next to 1 and a tiny one, is below rounding.
    """
    mean, variance = tf.nn.moments(pictures, [1, 2], keepdims=True)
    scale = tf.constant(np.nextafter(np.float32(1.0), np.float32(0.0)), shape=[pictures.shape[-1]])
    offset = tf.constant(1e-30, shape=[pictures.shape[-1]])
    return tf.nn.batch_normalization(pictures, mean, variance, offset, scale, INSTANCE_NORM_EPSILON)


@keras.saving.register_keras_serializable("cyclegan_tf")
class PenalizedInstanceNormalization(keras.layers.Layer):
    """Instance norm for discriminators under a gradient penalty, which is differentiated twice.

    Keras' and TensorFlow Addons' compute the variance by `tf.nn.moments`, which takes the mean in
    it for a constant: right in first derivatives, and wrong in second ones.

    Input:
        Float `(batch, height, width, channels)`.

    Output:
        The same shape and dtype; mean 0 and (biased) variance 1 over each picture's positions.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        pictures = tf.cast(inputs, tf.float32)
        centred = pictures - tf.reduce_mean(pictures, [1, 2], keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), [1, 2], keepdims=True)
        return tf.cast(centred * tf.math.rsqrt(variance + INSTANCE_NORM_EPSILON), inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return tuple(input_shape)


@keras.saving.register_keras_serializable("cyclegan_tf")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch norm as PyTorch has it, over the global batch however many replicas there are.

    Scales start at N(1, 0.02), offsets at 0. Differs from PyTorch's in the running variance,
    which is the biased one; it is used with `own_statistics` off only.

    Args:
        own_statistics: Whether a picture that is not trained on is normalized by its own mean
            and variance, as the published code tests, instead of by running averages.

    Reference:
        Ioffe and Szegedy, https://arxiv.org/abs/1502.03167; own statistics: Isola et al.,
        https://arxiv.org/abs/1611.07004, section 3.4
    """

    def __init__(self, own_statistics: bool = True, **kwargs: Any) -> None:
        self.own_statistics = own_statistics
        published = {
            "momentum": 0.9,
            "epsilon": 1e-5,
            "gamma_initializer": keras.initializers.RandomNormal(1.0, 0.02),
            "synchronized": True,
        }
        super().__init__(**(published | kwargs))

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: Any = None) -> tf.Tensor:
        if training or not self.own_statistics:
            return super().call(inputs, training=training)
        mean, variance = tf.nn.moments(tf.cast(inputs, tf.float32), [1, 2], keepdims=True)
        offset, scale = (tf.convert_to_tensor(v) for v in (self.beta, self.gamma))
        whitened = tf.nn.batch_normalization(
            tf.cast(inputs, tf.float32), mean, variance, offset, scale, self.epsilon
        )
        return tf.cast(whitened, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"own_statistics": self.own_statistics}
