"""Losses as pure functions of tensors.

All are means over every element. None depends on the number of replicas: the training step
divides by it once.
"""

from collections.abc import Callable

import tensorflow as tf

GAN_MODES = ("lsgan", "vanilla", "wgangp", "hinge")


def adversarial_loss(scores: tf.Tensor, mode: str = "lsgan") -> tf.Tensor:
    """Compute the adversarial loss of a generator.

    - `lsgan`: the mean of (s - 1)^2.
    - `vanilla`: the cross-entropy of s as a logit with 1, the non-saturating form.
    - `wgangp` and `hinge`: the mean of -s.

    Args:
        scores: A discriminator's raw scores s of generated images, float, any shape.
        mode: One of `GAN_MODES`.

    Returns:
        A scalar of the same dtype.

    Raises:
        ValueError: If the mode is unknown.

    Reference:
        Mao et al., https://arxiv.org/abs/1611.04076; Goodfellow et al.,
        https://arxiv.org/abs/1406.2661; Gulrajani et al., https://arxiv.org/abs/1704.00028;
        Miyato et al., https://arxiv.org/abs/1802.05957, equation 17
    """
    if mode in ("wgangp", "hinge"):
        return -tf.reduce_mean(scores)
    return _towards(scores, 1.0, mode)


def discriminator_loss(
    real_scores: tf.Tensor, fake_scores: tf.Tensor, mode: str = "lsgan"
) -> tf.Tensor:
    """Compute half the sum of a discriminator's losses on real and generated images.

    - `lsgan`, `vanilla`: as for the generator, with target 1 for real and 0 for generated images.
    - `wgangp`: the mean of -s and of s.
    - `hinge`: the mean of max(0, 1 - s) and of max(0, 1 + s).

    As in the paper, the factor 0.5 slows the discriminator down relative to the generators.

    Args:
        real_scores: Scores s of real images, float, any shape.
        fake_scores: Scores s of generated images, float, any shape.
        mode: One of `GAN_MODES`.

    Returns:
        A scalar of the same dtype.

    Raises:
        ValueError: If the mode is unknown.

    Reference:
        As for `adversarial_loss`; the factor 0.5: Zhu et al., https://arxiv.org/abs/1703.10593,
        appendix 7.1
    """
    if mode == "wgangp":
        real, fake = -tf.reduce_mean(real_scores), tf.reduce_mean(fake_scores)
    elif mode == "hinge":
        real = tf.reduce_mean(tf.nn.relu(1.0 - real_scores))
        fake = tf.reduce_mean(tf.nn.relu(1.0 + fake_scores))
    else:
        real, fake = _towards(real_scores, 1.0, mode), _towards(fake_scores, 0.0, mode)
    return 0.5 * (real + fake)


def _towards(scores: tf.Tensor, target: float, mode: str) -> tf.Tensor:
    if mode == "lsgan":
        return tf.reduce_mean(tf.square(scores - target))
    if mode == "vanilla":
        targets = tf.fill(tf.shape(scores), tf.cast(target, scores.dtype))
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, scores))
    raise ValueError(f"`mode` should be one of {', '.join(GAN_MODES)}. Received: {mode}")


def gradient_penalty(
    judge: Callable[[tf.Tensor], tf.Tensor], real: tf.Tensor, fake: tf.Tensor, place: tf.Tensor
) -> tf.Tensor:
    """Compute the gradient penalty of a discriminator between real and generated images.

    It is the mean over the batch of `(|gradient of the summed scores| - 1)^2`, at a point between
    both images. The official code defines a penalty and never applies it.

    Args:
        judge: The discriminator, a function from images to scores.
        real: Float `(batch, height, width, channels)`.
        fake: Same shape as `real`, treated as a constant.
        place: Interpolation weight of `real`, float `(batch, 1, 1, 1)` in [0, 1].

    Returns:
        A float32 scalar, at least 0, differentiable with respect to the discriminator's weights.

    Reference:
        Gulrajani et al., https://arxiv.org/abs/1704.00028, algorithm 1
    """
    between = place * real + (1.0 - place) * tf.stop_gradient(fake)
    with tf.GradientTape() as tape:
        tape.watch(between)
        scores = tf.reduce_sum(judge(between))
    gradients = tf.cast(tape.gradient(scores, between), tf.float32)
    # The gradient of the square root is infinite at 0.
    norms = tf.sqrt(tf.reduce_sum(tf.square(gradients), axis=[1, 2, 3]) + 1e-12)
    return tf.reduce_mean(tf.square(norms - 1.0))


def l1_loss(images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Compute the mean absolute difference, for cycle, identity and pix2pix's L1 losses.

    Args:
        images: Float, any shape.
        targets: Same shape as `images`.

    Returns:
        A scalar of the same dtype; at most 2 for images in [-1, 1].
    """
    return tf.reduce_mean(tf.abs(images - targets))


def l2_loss(images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Compute the mean squared difference.

    Args:
        images: Float, any shape.
        targets: Same shape as `images`.

    Returns:
        A scalar of the same dtype; at most 4 for images in [-1, 1].
    """
    return tf.reduce_mean(tf.square(images - targets))
