"""The learning rate's rule: the published factors, epoch by epoch."""

from fractions import Fraction

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.models.adam import adam
from cyclegan_tf.training.schedules import CosineDecay, LinearDecay, StepDecay, learning_rate


def factors(schedule, epochs, steps_per_epoch):
    """The factor in the first and the last step of each epoch."""
    return [
        [float(schedule(epoch * steps_per_epoch + place)) for place in (0, steps_per_epoch - 1)]
        for epoch in range(epochs)
    ]


def test_the_published_schedule_epoch_by_epoch():
    # Epochs 1 to 100 at 1, then 100/101, 99/101 ... and 1/101 in epoch 200.
    expected = [Fraction(1)] * 100 + [Fraction(101 - n, 101) for n in range(1, 101)]
    found = factors(learning_rate("linear", 1.0, 1067, 100, 100), 200, 1067)
    np.testing.assert_allclose(found, [[float(f)] * 2 for f in expected], rtol=0, atol=2e-7)
    assert found[99] == [1.0, 1.0]
    assert found[199] == pytest.approx([1 / 101] * 2, rel=1e-5)


def test_the_rate_scales_the_factors():
    schedule = LinearDecay(2e-4, steps_per_epoch=2, epochs=1, decay_epochs=3)
    found = factors(schedule, 4, 2)
    np.testing.assert_allclose(found, 2e-4 * np.repeat([[4], [3], [2], [1]], 2, 1) / 4, rtol=1e-6)


def test_beyond_the_end_the_rate_is_zero_and_never_negative():
    schedule = LinearDecay(1.0, steps_per_epoch=1, epochs=2, decay_epochs=2)
    assert [float(schedule(step)) for step in (4, 5, 10**6)] == [0.0, 0.0, 0.0]


def test_without_decay_every_epoch_has_the_full_rate():
    assert factors(LinearDecay(0.5, 3, epochs=4, decay_epochs=0), 4, 3) == [[0.5, 0.5]] * 4


def test_steps_are_counted_exactly_however_many():
    # Float32 would miss the boundary between these two steps.
    schedule = LinearDecay(1.0, steps_per_epoch=2**25 + 1, epochs=1, decay_epochs=1)
    assert [float(schedule(2**25 + n)) for n in (0, 1)] == [1.0, 0.5]


def test_a_constant_rate_is_a_number():
    assert learning_rate("constant", 3e-4, 10, 1, 1) == 3e-4


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="cosine or constant. Received: plateau"):
        learning_rate("plateau", 1.0, 10, 1, 1)


def test_steps_fall_to_a_tenth_after_every_few_epochs():
    found = factors(learning_rate("step", 2.0, 5, 100, 100, decay_every=3), 8, 5)
    expected = 2.0 * np.repeat([1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01], 2).reshape(8, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_cosine_is_half_a_wave_over_the_whole_run():
    found = factors(learning_rate("cosine", 2.0, 7, 2, 2), 5, 7)
    # cos(0), cos(pi/4), cos(pi/2), cos(3 pi/4), and beyond the run cos(pi).
    expected = [2.0, 1 + np.sqrt(0.5), 1.0, 1 - np.sqrt(0.5), 0.0]
    np.testing.assert_allclose(found, np.repeat(expected, 2).reshape(5, 2), atol=1e-6)


def test_an_optimizer_follows_the_schedule():
    optimizer = adam(LinearDecay(1.0, steps_per_epoch=1, epochs=1, decay_epochs=1))
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    layer.build((None, 1))
    optimizer.build(layer.trainable_variables)
    moved = [0.0]
    for _ in range(3):
        optimizer.apply_gradients([(tf.ones((1, 1)), layer.kernel)])
        moved.append(float(layer.kernel.numpy()[0, 0]))
    # A constant gradient moves Adam by the rate itself.
    np.testing.assert_allclose(np.diff(moved), [-1.0, -0.5, 0.0], atol=1e-5)


@pytest.mark.parametrize(
    "schedule", [LinearDecay(2e-4, 7, 3, 5), StepDecay(2e-4, 7, 3), CosineDecay(2e-4, 7, 3)]
)
def test_the_configuration_round_trips(schedule):
    copy = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert type(copy) is type(schedule)
    assert copy.get_config() == schedule.get_config()
