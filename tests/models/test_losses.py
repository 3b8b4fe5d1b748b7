"""Losses of scores and pictures whose answer is known by thought."""

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.models.losses import adversarial_loss, discriminator_loss, l1_loss


@pytest.mark.parametrize(
    ("scores", "real", "generated"),
    [(1.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.5, 0.25, 0.25), (3, 4, 9)],
)
def test_least_squares_pull_real_to_one_and_generated_to_zero(scores, real, generated):
    scores = tf.fill((2, 3, 4, 1), float(scores))
    assert float(adversarial_loss(scores, True)) == real
    assert float(adversarial_loss(scores, False)) == generated


def test_an_adversarial_loss_is_a_mean_over_every_element():
    scores = tf.constant([[0.0, 1.0], [2.0, 3.0]])
    assert float(adversarial_loss(scores, True)) == (1 + 0 + 1 + 4) / 4
    assert float(adversarial_loss(scores, False)) == (0 + 1 + 4 + 9) / 4


def test_a_discriminator_pays_half_of_what_real_and_generated_cost():
    # Wholly wrong on both: 1 + 1, halved. The two may differ in number: each is a mean.
    assert float(discriminator_loss(tf.zeros((1, 4)), tf.ones((3, 2)))) == 1.0
    assert float(discriminator_loss(tf.ones(3), tf.zeros(3))) == 0.0
    assert float(discriminator_loss(tf.constant([3.0]), tf.constant([1.0]))) == 0.5 * (4 + 1)


def test_the_gradient_of_a_discriminators_loss():
    real, generated = tf.constant(0.0), tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch([real, generated])
        loss = discriminator_loss(real, generated)
    assert [float(g) for g in tape.gradient(loss, [real, generated])] == [-1.0, 1.0]


def test_the_distance_of_pictures_is_the_mean_absolute_difference():
    checkerboard = np.indices((4, 4)).sum(axis=0)[None, :, :, None] % 2 * 2.0 - 1.0
    checkerboard = tf.constant(checkerboard, tf.float32)
    assert float(l1_loss(checkerboard, checkerboard)) == 0.0
    assert float(l1_loss(checkerboard, -checkerboard)) == 2.0
    assert float(l1_loss(checkerboard, tf.ones_like(checkerboard))) == 1.0
