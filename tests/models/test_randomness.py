"""Random numbers of the global batch: a function of seed and count, whatever the replicas."""

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.models.randomness import draw

UNIFORM, NORMAL = tf.random.stateless_uniform, tf.random.stateless_normal
SHAPE = tf.constant([4, 3, 2])


def test_replicas_share_the_numbers_of_the_global_batch(strategy):
    whole = draw(NORMAL, SHAPE, seed=3, count=tf.constant(7))
    local = tf.constant([4 // strategy.num_replicas_in_sync, 3, 2])
    parts = strategy.run(tf.function(lambda: draw(NORMAL, local, seed=3, count=tf.constant(7))))
    found = np.concatenate(strategy.experimental_local_results(parts))
    np.testing.assert_array_equal(found, whole)


def test_they_are_a_function_of_seed_and_count():
    def numbers(seed, count, dtype=tf.int64):
        return draw(UNIFORM, SHAPE, seed, tf.constant(count, dtype)).numpy()

    first = numbers(3, 7)
    np.testing.assert_array_equal(numbers(3, 7), first)
    np.testing.assert_array_equal(numbers(3, 7, tf.int32), first)
    for other in (numbers(3, 8), numbers(4, 7), numbers(7, 3)):
        assert (other != first).all()


@pytest.mark.parametrize("seed", [0, -1, 2**32 - 1])
def test_any_integer_is_a_seed(seed):
    numbers = draw(UNIFORM, tf.constant([1000, 10]), seed, tf.constant(0)).numpy()
    assert (numbers.dtype, numbers.min() >= 0.0, numbers.max() < 1.0) == ("float32", True, True)
    assert numbers.mean() == pytest.approx(0.5, abs=5 / np.sqrt(12 * numbers.size))


@pytest.mark.parametrize("strategy", [2], ids=["two replicas"], indirect=True)
def test_outside_of_the_replicas_a_batch_is_whole(strategy):
    whole = draw(NORMAL, SHAPE, seed=3, count=tf.constant(7))
    with strategy.scope():
        np.testing.assert_array_equal(draw(NORMAL, SHAPE, 3, tf.constant(7)), whole)
