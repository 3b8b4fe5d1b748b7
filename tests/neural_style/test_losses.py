"""The losses of neural style, against values known by thought, NumPy and finite differences."""

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.neural_style import losses


def random(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape))


def test_the_gram_matrix_of_features_known_by_thought():
    features = tf.constant([[[[1.0, 0.0], [2.0, 1.0]], [[3.0, 0.0], [4.0, 1.0]]]])
    # Sums over four positions of 1+4+9+16, of 2+4 and of 1+1, over 2 channels times 4 positions.
    np.testing.assert_allclose(losses.gram_matrix(features), np.array([[30, 6], [6, 2]]) / 8)


def test_the_gram_matrix_is_numpys_and_forgets_where_features_are():
    features = random(1, 5, 7, 4)
    expected = np.einsum("byxi,byxj->ij", features, features) / (4 * 5 * 7)
    np.testing.assert_allclose(losses.gram_matrix(features), expected)
    shuffled = np.random.default_rng(1).permutation(features.numpy().reshape(35, 4))
    np.testing.assert_allclose(losses.gram_matrix(shuffled.reshape(1, 7, 5, 4)), expected)


def test_total_variation_known_by_thought():
    image = np.zeros((1, 4, 5, 3))
    assert float(losses.total_variation_loss(tf.constant(image))) == 0.0
    image[0, 1, 1, 0] = 2.0  # Steps to it from the left and from above, and from it to both sides.
    assert float(losses.total_variation_loss(tf.constant(image))) == 0.5 * 4 * 2.0**2
    image[:] = 0.0
    image[0, 3, 2, 1] = 2.0  # In the last row: only the step down to it.
    assert float(losses.total_variation_loss(tf.constant(image))) == 0.5 * 2.0**2


def test_content_and_style_loss_are_means_of_squares():
    features, target = random(1, 3, 4, 2), random(1, 3, 4, 2, seed=1)
    found = losses.content_loss(features, target)
    np.testing.assert_allclose(found, np.mean((features.numpy() - target.numpy()) ** 2))
    gram = losses.gram_matrix(target)
    difference = losses.gram_matrix(features).numpy() - gram.numpy()
    np.testing.assert_allclose(losses.style_loss(features, gram), np.mean(difference**2))


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: losses.content_loss(x, random(1, 3, 4, 2, seed=1)),
        lambda x: losses.style_loss(x, losses.gram_matrix(random(1, 5, 5, 2, seed=1))),
        losses.total_variation_loss,
    ],
    ids=["content", "style", "total variation"],
)
def test_gradients_are_finite_differences(loss):
    x = random(1, 3, 4, 2)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss(x)
    gradient = tape.gradient(value, x).numpy()
    for place in np.ndindex(*x.shape):
        step = np.zeros(x.shape)
        step[place] = 1e-5
        slope = (loss(x + step) - loss(x - step)) / 2e-5
        np.testing.assert_allclose(gradient[place], slope, rtol=1e-6, atol=1e-9)


def test_a_normalized_gradient_has_the_size_that_is_asked_for():
    x = random(1, 3, 4, 2)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        plain = losses.content_loss(x, tf.zeros_like(x))
        normalized = losses.content_loss(losses.with_normalized_gradient(x, 3.0), tf.zeros_like(x))
    assert float(plain) == float(normalized)
    found, expected = tape.gradient(normalized, x).numpy(), tape.gradient(plain, x).numpy()
    np.testing.assert_allclose(np.abs(found).sum(), 3.0, rtol=1e-6)
    np.testing.assert_allclose(found, expected * 3.0 / np.abs(expected).sum(), rtol=1e-6)
