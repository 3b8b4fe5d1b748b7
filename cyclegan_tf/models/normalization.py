"""Normalization layers."""

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
    """Instance norm without parameters, based on the installed Keras stack's layer.

    That layer takes several passes over the features, and its gradient more. With AVX-512, oneDNN
    takes half as long: in training by batch norm over one image at a time; otherwise by a fused
    operation, which TensorFlow inserts when it optimizes a graph.

    Input:
        Float `(batch, height, width, channels)`.

    Output:
        The same shape and dtype; mean 0 and (biased) variance 1 over the positions of each image.

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
        return tf.concat([_as_a_batch(image) for image in tf.split(inputs, count)], 0)


def _as_a_batch(image: tf.Tensor) -> tf.Tensor:
    """Normalize float32 `(1, height, width, channels)`."""
    channels = image.shape[-1]
    return tf.raw_ops.FusedBatchNormV3(
        x=image,
        scale=tf.ones([channels]),
        offset=tf.zeros([channels]),
        mean=[],  # Unused in training mode, like the variance.
        variance=[],
        epsilon=INSTANCE_NORM_EPSILON,
    ).y


def _as_one_operation(images: tf.Tensor) -> tf.Tensor:
    """Normalize float32 `(batch, height, width, channels)` in the pattern that TensorFlow fuses.

    The pattern needs a scale and an offset. Exact 1 and 0 would be simplified away before, so the
    next float below 1 and a tiny offset replace them; the difference is below rounding.
    """
    mean, variance = tf.nn.moments(images, [1, 2], keepdims=True)
    scale = tf.constant(np.nextafter(np.float32(1.0), np.float32(0.0)), shape=[images.shape[-1]])
    offset = tf.constant(1e-30, shape=[images.shape[-1]])
    return tf.nn.batch_normalization(images, mean, variance, offset, scale, INSTANCE_NORM_EPSILON)


@keras.saving.register_keras_serializable("cyclegan_tf")
class PenalizedInstanceNormalization(keras.layers.Layer):
    """Instance norm for discriminators under a gradient penalty, which is differentiated twice.

    The layers of Keras and TensorFlow Addons compute the variance by `tf.nn.moments`, which treats
    its mean as a constant. First derivatives are right, second derivatives are wrong.

    Input:
        Float `(batch, height, width, channels)`.

    Output:
        The same shape and dtype; mean 0 and (biased) variance 1 over the positions of each image.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        images = tf.cast(inputs, tf.float32)
        centred = images - tf.reduce_mean(images, [1, 2], keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), [1, 2], keepdims=True)
        return tf.cast(centred * tf.math.rsqrt(variance + INSTANCE_NORM_EPSILON), inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return tuple(input_shape)


@keras.saving.register_keras_serializable("cyclegan_tf")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch norm as in PyTorch, over the global batch on any number of replicas.

    Scales are initialized from N(1, 0.02), offsets with 0. Unlike PyTorch's, the running variance
    is the biased one; it is used only without `own_statistics`.

    Args:
        own_statistics: Whether inference normalizes each image by its own mean and variance, as
            the published code does in testing, instead of by running averages.

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
