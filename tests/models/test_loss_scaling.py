"""Loss scaling: gradients come out unscaled, and what is not finite is left out everywhere."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.models.loss_scaling import DynamicLossScale


class Run:
    """A layer of one weight, trained with SGD of rate 1 under a strategy and a loss scale."""

    def __init__(self, strategy, **options):
        self.strategy = strategy
        with strategy.scope():
            self.layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
            self.layer.build((None, 1))
            self.optimizer = keras.optimizers.SGD(1.0)
            self.optimizer.build(self.layer.trainable_variables)
            self.scaling = DynamicLossScale(**options)
        self._step = tf.function(lambda g: strategy.run(self._apply, args=(g,)))

    def _apply(self, gradient):
        variables = self.layer.trainable_variables
        self.scaling.apply((self.optimizer, [tf.reshape(gradient, (1, 1))], variables))

    def step(self, *gradients):
        """Applies the replicas' gradients of the scaled loss."""
        local = self.strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(gradients[context.replica_id_in_sync_group], tf.float32)
        )
        self._step(local)

    @property
    def weight(self):
        return float(self.layer.kernel.numpy()[0, 0])

    @property
    def scale(self):
        return float(self.scaling.scale.numpy())


@pytest.fixture
def each(strategy):
    """Gives every replica the same gradient."""
    return lambda gradient: [gradient] * strategy.num_replicas_in_sync


def test_the_loss_is_multiplied_by_the_scale():
    assert float(DynamicLossScale(initial=8.0).scaled(tf.constant(0.5))) == 4.0


def test_gradients_are_divided_by_the_scale_and_summed_over_replicas(strategy, each):
    run = Run(strategy, initial=8.0)
    run.step(*each(4.0))
    assert run.weight == -0.5 * strategy.num_replicas_in_sync
    assert run.scale == 8.0


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_gradient_that_is_not_finite_skips_the_update_and_halves_the_scale(strategy, each, bad):
    run = Run(strategy, initial=8.0)
    run.step(*each(bad))
    assert (run.weight, run.scale) == (0.0, 4.0)
    assert int(run.optimizer.iterations.numpy()) == 0
    run.step(*each(4.0))
    assert (run.weight, run.scale) == (-1.0 * strategy.num_replicas_in_sync, 4.0)


@pytest.mark.parametrize("strategy", [2], ids=["two replicas"], indirect=True)
@pytest.mark.parametrize("place", [0, 1])
def test_one_bad_replica_is_enough(strategy, place):
    run = Run(strategy, initial=8.0)
    gradients = [4.0, 4.0]
    gradients[place] = np.inf
    run.step(*gradients)
    assert (run.weight, run.scale) == (0.0, 4.0)
    for copy in strategy.experimental_local_results(run.scaling.scale):
        assert float(copy) == 4.0


def test_the_scale_doubles_after_enough_finite_steps_in_a_row(strategy, each):
    run = Run(strategy, initial=8.0, growth_steps=3)
    scales = []
    for gradient in (1.0, 1.0, np.inf, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0):
        run.step(*each(gradient))
        scales.append(run.scale)
    assert scales == [8.0, 8.0, 4.0, 4.0, 4.0, 8.0, 8.0, 8.0, 16.0]


def test_the_scale_never_falls_below_one(strategy, each):
    run = Run(strategy, initial=2.0)
    for _ in range(3):
        run.step(*each(np.inf))
    assert run.scale == 1.0
