"""Networks whose norms take given statistics, so that they can process an image in parts."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cyclegan_tf.models.normalization import (
    INSTANCE_NORM_EPSILON,
    BatchNormalization,
    InstanceNormalization,
)

Statistics = list[tuple[Any, Any]]


class GivenNormalization(keras.layers.Layer):
    """Normalizes by a mean and a variance that the caller sets while a graph is traced.

    Without them, it passes its input through and keeps it, so that they can be computed from it.

    Args:
        scale: Factor for each channel, or None.
        offset: Offset for each channel, or None.
        epsilon: Added to the variance.

    Input:
        Float `(batch, height, width, channels)`.

    Output:
        The same shape and dtype.
    """

    def __init__(
        self, scale: np.ndarray | None, offset: np.ndarray | None, epsilon: float, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs, dtype="float32", autocast=False)
        self._scale, self._offset, self._epsilon = scale, offset, epsilon
        self.given: tuple[tf.Tensor, tf.Tensor] | None = None
        self.met: tf.Tensor | None = None

    # Keras passes a mask to batch norm, which this layer may replace.
    def call(self, inputs: tf.Tensor, mask: Any = None) -> tf.Tensor:
        self.met = inputs
        if self.given is None:
            return inputs
        normalized = tf.nn.batch_normalization(
            tf.cast(inputs, tf.float32), *self.given, self._offset, self._scale, self._epsilon
        )
        return tf.cast(normalized, inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return tuple(input_shape)


def with_given_statistics(
    network: keras.Model,
) -> tuple[keras.Model, list[GivenNormalization]]:
    """Copy a network and replace its norms by `GivenNormalization`.

    Args:
        network: A functional model.

    Returns:
        The copy, and its replaced norms in the order of execution. Norms that use running averages
        are left unchanged.
    """

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, InstanceNormalization):
            return GivenNormalization(None, None, INSTANCE_NORM_EPSILON, name=layer.name)
        if isinstance(layer, BatchNormalization) and layer.own_statistics:
            scale, offset = (np.asarray(value) for value in (layer.gamma, layer.beta))
            return GivenNormalization(scale, offset, layer.epsilon, name=layer.name)
        return type(layer).from_config(layer.get_config())

    copy = keras.models.clone_model(network, clone_function=copied)
    for layer in copy.layers:
        if layer.weights:
            layer.set_weights(network.get_layer(layer.name).get_weights())
    return copy, [layer for layer in copy.layers if isinstance(layer, GivenNormalization)]
