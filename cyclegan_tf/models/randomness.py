"""Random numbers that are the same on one replica and on several.

They are drawn for the global batch, as a function of a seed and a count alone, and each replica
takes the part that belongs to its pictures.
"""

from collections.abc import Callable

import tensorflow as tf


def draw(
    distribution: Callable[..., tf.Tensor], shape: tf.Tensor, seed: int, count: tf.Tensor
) -> tf.Tensor:
    """Draws numbers for this replica's part of the global batch.

    Args:
        distribution: A function of shape and `seed`, such as `tf.random.stateless_uniform`.
        shape: Of this replica's part, whose first dimension is its batch.
        seed: Any integer.
        count: How often this has been asked before, an integer scalar.

    Returns:
        float32 of `shape`.
    """
    replica = tf.distribute.get_replica_context()
    # There is none where a network is built under a strategy.
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
