"""Losses of CycleGAN, as pure functions of tensors.

All are means over every element of what they are given. None knows about replicas: the
training step divides by their number once.
"""

import tensorflow as tf


def adversarial_loss(scores: tf.Tensor, is_real: bool) -> tf.Tensor:
    """Computes the least-squares GAN loss: the mean squared distance of scores to 1 or 0.

    Args:
        scores: A discriminator's raw answers, float, any shape.
        is_real: Whether they should be 1 (real) or 0 (generated).

    Returns:
        A scalar of the same dtype, at least 0.

    Reference:
        Mao et al., https://arxiv.org/abs/1611.04076
    """
    return tf.reduce_mean(tf.square(scores - float(is_real)))


def discriminator_loss(real_scores: tf.Tensor, fake_scores: tf.Tensor) -> tf.Tensor:
    """Computes half the sum of a discriminator's losses on real and generated pictures.

    The half slows the discriminator down relative to the generators, as the paper has it.

    Args:
        real_scores: Answers to real pictures, float, any shape.
        fake_scores: Answers to generated pictures, float, any shape.

    Returns:
        A scalar of the same dtype, at least 0.

    Reference:
        Zhu et al., https://arxiv.org/abs/1703.10593, appendix 7.1
    """
    return 0.5 * (adversarial_loss(real_scores, True) + adversarial_loss(fake_scores, False))


def l1_loss(images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Computes the mean absolute difference: the cycle and the identity loss.

    Args:
        images: Float, any shape.
        targets: Of the same shape.

    Returns:
        A scalar of the same dtype; at most 2 for pictures in [-1, 1].
    """
    return tf.reduce_mean(tf.abs(images - targets))
