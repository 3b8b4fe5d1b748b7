"""The history of generated pictures that discriminators are trained on."""

import tensorflow as tf


class ImagePool(tf.Module):
    """Mixes new generated pictures with older ones, against oscillation of the two players.

    Picture by picture: while the pool is not full, the picture is stored and returned;
    afterwards, with probability one half, a stored picture is returned and the new one takes
    its place, else the new one is returned and not stored.

    There is one logical pool however many replicas there are: the replicas' pictures are
    gathered into the global batch, every replica computes the same update of the whole pool,
    and the variables are ordinary mirrored ones, so they checkpoint as such. All randomness
    is a function of the seed and of how many pictures the pool has seen.

    Args:
        size: How many pictures it keeps; 0 makes `query` the identity.
        image_shape: `(height, width, channels)` of a picture.
        seed: Seed of its choices.

    Raises:
        ValueError: If `size` is negative.

    Reference:
        Shrivastava et al., https://arxiv.org/abs/1612.07828, section 2.3; size 50 is from
        Zhu et al., https://arxiv.org/abs/1703.10593
    """

    def __init__(self, size: int, image_shape: tuple[int, int, int], seed: int) -> None:
        super().__init__()
        if size < 0:
            raise ValueError(f"`size` should be 0 or more. Received: {size}")
        self.size = size
        self._seed = seed
        # All replicas compute the same values; taking the first one's is then exact.
        same = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
        self.images = tf.Variable(tf.zeros((size, *image_shape)), name="images", **same)
        self.seen = tf.Variable(tf.constant(0, tf.int64), name="seen", **same)

    def query(self, images: tf.Tensor) -> tf.Tensor:
        """Exchanges a batch of new pictures for a mixture of new and old ones.

        Args:
            images: This replica's part of the global batch, float32
                `(batch, height, width, channels)`.

        Returns:
            As many pictures, same shape and dtype.
        """
        if self.size == 0:
            return images
        replica = tf.distribute.get_replica_context()
        local = tf.shape(images)[0]
        batch = replica.all_gather(images, axis=0)
        returned, stored = self._exchange(batch)
        self.images.assign(stored)
        self.seen.assign_add(tf.shape(batch, tf.int64)[0])
        first = local * replica.replica_id_in_sync_group
        returned = tf.reshape(returned[first : first + local], tf.shape(images))
        return tf.ensure_shape(returned, images.shape)

    def _exchange(self, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns what the pool answers to a global batch, and its new content."""
        seen = self.seen.read_value()

        def step(
            i: tf.Tensor, returned: tf.TensorArray, stored: tf.Tensor
        ) -> tuple[tf.Tensor, tf.TensorArray, tf.Tensor]:
            order = seen + tf.cast(i, tf.int64)
            filling = order < self.size
            coin, place = tf.unstack(
                tf.random.stateless_uniform([2], tf.stack([tf.cast(self._seed, tf.int64), order]))
            )
            slot = tf.where(
                filling, order, tf.minimum(tf.cast(place * self.size, tf.int64), self.size - 1)
            )
            swap = ~filling & (coin < 0.5)
            new, old = batch[i], tf.gather(stored, slot)
            returned = returned.write(i, tf.where(swap, old, new))
            kept = tf.where(filling | swap, new, old)
            stored = tf.tensor_scatter_nd_update(stored, [[slot]], kept[tf.newaxis])
            return i + 1, returned, stored

        count = tf.shape(batch)[0]
        _, returned, stored = tf.while_loop(
            lambda i, *_: i < count,
            step,
            (
                0,
                tf.TensorArray(batch.dtype, count, element_shape=batch.shape[1:]),
                self.images.read_value(),
            ),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape(None), self.images.shape),
        )
        return returned.stack(), stored
