"""Losses of neural style: content, style and total variation.

Reference:
    Gatys et al., "Texture Synthesis Using Convolutional Neural Networks",
    https://arxiv.org/abs/1505.07376, and "A Neural Algorithm of Artistic Style",
    https://arxiv.org/abs/1508.06576; constant factors as in jcjohnson/neural-style.
"""

from typing import Any

import tensorflow as tf


def gram_matrix(features: tf.Tensor) -> tf.Tensor:
    """Compute the Gram matrix of features: channel correlations, averaged over positions.

    Args:
        features: Float `(1, height, width, channels)`.

    Returns:
        `F^T F / (channels * height * width)` with one row of F per position, float
        `(channels, channels)`.
    """
    channels = features.shape[-1]
    rows = tf.reshape(features, [-1, channels])
    elements = tf.cast(tf.size(features), features.dtype)
    return _with_itself(rows) / elements


@tf.custom_gradient
def _with_itself(rows: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """Compute `rows^T rows`; its gradient takes one matrix product instead of two."""

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        return tf.matmul(rows, upstream + tf.transpose(upstream))

    return tf.matmul(rows, rows, transpose_a=True), gradient


def content_loss(features: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Compute the mean squared difference of features.

    Args:
        features: Float, of any shape.
        target: Same shape as `features`.

    Returns:
        A scalar.
    """
    return tf.reduce_mean(tf.math.squared_difference(features, target))


def style_loss(features: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Compute the mean squared difference of the Gram matrix.

    Args:
        features: Float `(1, height, width, channels)`.
        target: Gram matrix, `(channels, channels)`.

    Returns:
        A scalar.
    """
    return content_loss(gram_matrix(features), target)


def total_variation_loss(image: tf.Tensor) -> tf.Tensor:
    """Compute half the sum of squared differences to the right and lower neighbour.

    The last row and column are not differenced. jcjohnson/neural-style has only the gradient.

    Args:
        image: Float `(1, height, width, channels)`.

    Returns:
        A scalar.
    """

    # TensorFlow's own gradient, of slices, is slower than these sums.
    @tf.custom_gradient
    def roughness(x: tf.Tensor) -> tuple[tf.Tensor, Any]:
        here = x[:, :-1, :-1]
        right, down = x[:, :-1, 1:] - here, x[:, 1:, :-1] - here

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            parts = (
                (-right - down, (0, 1), (0, 1)),
                (right, (0, 1), (1, 0)),
                (down, (1, 0), (0, 1)),
            )
            padded = (
                tf.pad(part, [(0, 0), rows, columns, (0, 0)]) for part, rows, columns in parts
            )
            return upstream * tf.add_n(list(padded))

        return tf.nn.l2_loss(right) + tf.nn.l2_loss(down), gradient

    return roughness(image)


def with_normalized_gradient(features: tf.Tensor, weight: float) -> tf.Tensor:
    """Pass features through and scale their gradient to a fixed L1 norm.

    The influence of each layer then depends only on its weight. The scaled gradient is not the
    gradient of any function: Adam works with it, but L-BFGS line searches may fail.

    Args:
        features: Float, of any shape.
        weight: L1 norm of the scaled gradient.

    Returns:
        The features, unchanged.
    """

    @tf.custom_gradient
    def passed(x: tf.Tensor) -> tuple[tf.Tensor, Any]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return upstream * (weight / (tf.reduce_sum(tf.abs(upstream)) + 1e-8))

        return tf.identity(x), gradient

    return passed(features)
