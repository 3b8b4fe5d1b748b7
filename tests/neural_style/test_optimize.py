"""The two optimizers, on functions whose minimum is known."""

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.neural_style.optimize import AdamState, adam, lbfgs

TARGET = tf.constant(np.random.default_rng(0).uniform(0, 255, (1, 3, 4, 3)), tf.float32)
SCALES = tf.constant(np.random.default_rng(1).uniform(1, 10, (1, 3, 4, 3)), tf.float32)


def bowl(image):
    difference = image - TARGET
    total = tf.reduce_sum(SCALES * difference**2)
    return total, {"bowl": total}, 2.0 * SCALES * difference


class Told:
    def __init__(self):
        self.images, self.losses = [], []

    def __call__(self, image, losses):
        self.images.append(image.numpy())
        self.losses.append(losses["bowl"])


def test_lbfgs_finds_the_bottom_and_tells_of_each_step():
    told = Told()
    found = lbfgs(bowl, tf.zeros_like(TARGET), 30, told)
    np.testing.assert_allclose(found, TARGET, atol=0.01)
    assert 5 < len(told.losses) <= 30
    assert all(
        later <= earlier for earlier, later in zip(told.losses, told.losses[1:], strict=False)
    )
    np.testing.assert_array_equal(told.images[-1], found)


def test_lbfgs_stops_where_nothing_goes_down():
    told = Told()
    found = lbfgs(bowl, TARGET, 30, told)
    np.testing.assert_array_equal(found, TARGET)
    assert len(told.losses) <= 1


@pytest.mark.parametrize("steps", [1, 7])
def test_lbfgs_takes_no_more_steps_than_it_may(steps):
    told = Told()
    lbfgs(bowl, tf.zeros_like(TARGET), steps, told)
    assert len(told.losses) == steps


def test_adam_is_the_papers():
    told, state = Told(), AdamState.zeros(TARGET)
    adam(bowl, tf.zeros_like(TARGET), 3, told, state, learning_rate=2.0)
    target, scales = TARGET.numpy().astype(np.float64), SCALES.numpy().astype(np.float64)
    x = m = v = np.zeros_like(target)
    for t in range(1, 4):
        gradient = 2.0 * scales * (x - target)
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        x = x - 2.0 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        np.testing.assert_allclose(told.images[t - 1], x, rtol=1e-5)
    assert state.steps == 3


def test_adam_goes_on_where_its_state_says():
    whole, state = Told(), AdamState.zeros(TARGET)
    adam(bowl, tf.zeros_like(TARGET), 6, whole, AdamState.zeros(TARGET))
    parts = Told()
    half = adam(bowl, tf.zeros_like(TARGET), 3, parts, state)
    adam(bowl, half, 3, parts, state)
    np.testing.assert_array_equal(whole.images, parts.images)


def test_a_state_is_resized_with_its_picture():
    state = AdamState(tf.ones((1, 4, 6, 3)), tf.fill((1, 4, 6, 3), 2.0), steps=5)
    larger = state.resized(8, 9)
    np.testing.assert_allclose(larger.mean, np.ones((1, 8, 9, 3)))
    np.testing.assert_allclose(larger.square, np.full((1, 8, 9, 3), 2.0))
    assert larger.steps == 5
