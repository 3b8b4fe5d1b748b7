"""Random numbers that do not depend on the number of replicas.

They are drawn for the global batch as a function of a seed and a count only, and each replica
takes its own part.
"""

from collections.abc import Callable

import tensorflow as tf


def draw(
    distribution: Callable[..., tf.Tensor], shape: tf.Tensor, seed: int, count: tf.Tensor
) -> tf.Tensor:
    """Draw numbers for this replica's part of the global batch.

    Args:
        distribution: A function of shape and `seed`, such as `tf.random.stateless_uniform`.
        shape: Shape of this replica's part; the first dimension is its batch.
        seed: Any integer.
        count: Number of earlier draws, an integer scalar.

    Returns:
        float32 of `shape`.
    """
    replica = tf.distribute.get_replica_context()
    # None while a network is built under a strategy.
    replicas = 1 if replica is None else replica.num_replicas_in_sync
    local = shape[0]
    whole = tf.concat([[local * replicas], shape[1:]], 0)
    numbers = distribution(
        whole, seed=tf.stack([tf.cast(seed, tf.int64), tf.cast(count, tf.int64)])
    )
    if replicas == 1:
        return numbers
    first = local * tf.cast(replica.replica_id_in_sync_group, tf.int32)
    return numbers[first : first + local]
