"""Dynamic loss scaling, which keeps float16 gradients from underflowing.

Keras 3's `LossScaleOptimizer` fails under a strategy of several replicas: it puts the update,
which must leave the replica context, inside a conditional
(https://github.com/keras-team/keras/issues/18666). Here the conditional is outside.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

# An optimizer, gradients and their variables.
Update = tuple[keras.optimizers.Optimizer, Sequence[tf.Tensor], Sequence[Any]]


class DynamicLossScale(tf.Module):
    """Scales losses, unscales gradients, and skips updates with gradients that are not finite.

    The scale halves at each skipped step, and doubles after `growth_steps` finite steps in a row.

    Args:
        initial: Initial scale.
        growth_steps: Consecutive finite steps after which the scale doubles.

    Reference:
        Micikevicius et al., https://arxiv.org/abs/1710.03740
    """

    def __init__(self, initial: float = 2.0**15, growth_steps: int = 2000) -> None:
        super().__init__()
        self._growth_steps = growth_steps
        same = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
        self.scale = tf.Variable(initial, name="scale", **same)
        self.good_steps = tf.Variable(tf.constant(0, tf.int64), name="good_steps", **same)

    def scaled(self, loss: tf.Tensor) -> tf.Tensor:
        """Return the scaled loss to differentiate, a float32 scalar."""
        return loss * self.scale

    def apply(self, *updates: Update) -> None:
        """Apply the updates of one step, unless a gradient on any replica is not finite.

        All of them are skipped in that case. The scale is adjusted once, after the updates, so
        that all gradients are divided by the scale they were computed with.

        Args:
            *updates: A built Keras optimizer, this replica's gradients of the scaled loss, and
                their variables. Optimizers sum the gradients over replicas.
        """
        replica = tf.distribute.get_replica_context()
        gradients = [[gradient / self.scale for gradient in update[1]] for update in updates]
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in sum(gradients, [])])
        bad_replicas = replica.all_reduce(tf.distribute.ReduceOp.SUM, tf.cast(~finite, tf.float32))

        def apply_on_replica(unscaled: list[list[tf.Tensor]]) -> None:
            for (optimizer, _, variables), of_optimizer in zip(updates, unscaled, strict=True):
                optimizer.apply_gradients(zip(of_optimizer, variables, strict=True))

        def apply_unless_bad(
            strategy: tf.distribute.Strategy, bad: tf.Tensor, unscaled: list[Any]
        ) -> None:
            def apply_everywhere() -> None:
                strategy.extended.call_for_each_replica(apply_on_replica, args=(unscaled,))

            is_bad = strategy.experimental_local_results(bad)[0] > 0
            tf.cond(is_bad, lambda: None, apply_everywhere)

        replica.merge_call(apply_unless_bad, args=(bad_replicas, gradients))
        self._adjust(bad_replicas > 0)

    def _adjust(self, skipped: tf.Tensor) -> None:
        grown = self.good_steps + 1 >= self._growth_steps
        factor = tf.where(skipped, 0.5, tf.where(grown, 2.0, 1.0))
        good_steps = tf.where(skipped | grown, tf.zeros_like(self.good_steps), self.good_steps + 1)
        self.scale.assign(tf.maximum(self.scale * factor, 1.0))
        self.good_steps.assign(good_steps)
