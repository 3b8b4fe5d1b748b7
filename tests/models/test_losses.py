"""Losses of scores and pictures whose answer is known by thought."""

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.models.losses import (
    adversarial_loss,
    discriminator_loss,
    gradient_penalty,
    l1_loss,
    l2_loss,
)


@pytest.mark.parametrize(("scores", "expected"), [(1.0, 0.0), (0.0, 1.0), (0.5, 0.25), (3, 4)])
def test_least_squares_pull_a_generators_scores_to_one(scores, expected):
    assert float(adversarial_loss(tf.fill((2, 3, 4, 1), float(scores)))) == expected


def test_an_adversarial_loss_is_a_mean_over_every_element():
    scores = tf.constant([[0.0, 1.0], [2.0, 3.0]])
    assert float(adversarial_loss(scores)) == (1 + 0 + 1 + 4) / 4
    assert float(adversarial_loss(scores, "hinge")) == -1.5
    assert float(adversarial_loss(scores, "wgangp")) == -1.5


def test_cross_entropy_is_that_of_probabilities():
    real, fake = np.array([-2.0, 0.5, 3.0]), np.array([-1.0, 0.0, 4.0])
    sure, other = 1 / (1 + np.exp(-real)), 1 / (1 + np.exp(-fake))
    found = discriminator_loss(tf.constant(real), tf.constant(fake), "vanilla")
    expected = 0.5 * (-np.log(sure).mean() - np.log(1 - other).mean())
    assert float(found) == pytest.approx(expected)
    # The generator's is the non-saturating one.
    found = adversarial_loss(tf.constant(fake), "vanilla")
    assert float(found) == pytest.approx(-np.log(other).mean())


def test_a_hinge_ends_at_one():
    assert float(discriminator_loss(tf.constant([1.0, 5.0]), tf.constant([-1.0]), "hinge")) == 0
    assert float(discriminator_loss(tf.constant([0.0]), tf.constant([0.5]), "hinge")) == 1.25


def test_wasserstein_is_the_difference_of_means():
    real, fake = tf.constant([3.0, 5.0]), tf.constant([1.0])
    assert float(discriminator_loss(real, fake, "wgangp")) == 0.5 * (1.0 - 4.0)


@pytest.mark.parametrize("function", [adversarial_loss, discriminator_loss])
def test_an_unknown_mode_is_refused(function):
    scores = [tf.zeros(1)] * (1 if function is adversarial_loss else 2)
    with pytest.raises(ValueError, match="hinge. Received: relu"):
        function(*scores, "relu")


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, 3.0])
def test_the_gradient_penalty_is_the_slopes_distance_to_one(slope):
    # A plane's slope is the same everywhere; 12 elements a picture share it.
    def judge(images):
        return tf.reduce_sum(images, axis=[1, 2, 3]) * slope / np.sqrt(12.0)

    real, fake = (tf.constant(np.random.default_rng(s).random((5, 2, 2, 3))) for s in (0, 1))
    place = tf.constant(np.random.default_rng(2).random((5, 1, 1, 1)))
    found = gradient_penalty(judge, real, fake, place)
    assert float(found) == pytest.approx((slope - 1.0) ** 2, abs=1e-5)


def test_the_gradient_penalty_looks_between_real_and_generated():
    # The gradient of x^3 / 3 is x^2: at 0.25 * 2 + 0.75 * 4 = 3.5 it is 12.25.
    real, fake, place = (
        tf.fill((1, 1, 1, 1), 2.0),
        tf.fill((1, 1, 1, 1), 4.0),
        tf.fill((1,) * 4, 0.25),
    )
    weight = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        penalty = gradient_penalty(lambda x: weight * x**3 / 3.0, real, fake, place)
    assert float(penalty) == pytest.approx((12.25 - 1) ** 2)
    # It can be differentiated in the discriminator's weights: d/dw (12.25 w - 1)^2.
    assert float(tape.gradient(penalty, weight)) == pytest.approx(2 * 12.25 * (12.25 - 1))


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
    # Squares weigh the far more: half of the pixels are 2 off.
    assert float(l2_loss(checkerboard, tf.ones_like(checkerboard))) == 2.0
