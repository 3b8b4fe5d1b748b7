"""The history of generated images that discriminators are trained on."""

import tensorflow as tf


class ImagePool(tf.Module):
    """Mixes new generated images with older ones, which reduces oscillation in training.

    While the pool is not full, each image is stored and returned. Afterwards, with probability
    one half, a stored image is returned and the new one replaces it; otherwise the new one is
    returned and not stored.

    All replicas share one logical pool: their images are gathered into the global batch, and
    every replica computes the same update of the whole pool. The variables are ordinary mirrored
    ones and are checkpointed as such. All random choices are functions of the seed and the number
    of images seen.

    Args:
        size: Number of images to keep; 0 makes `query` the identity.
        image_shape: `(height, width, channels)` of an image.
        seed: Seed of the random choices.

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
        # All replicas compute the same values, so the first replica's are exact.
        same = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
        self.images = tf.Variable(tf.zeros((size, *image_shape)), name="images", **same)
        self.seen = tf.Variable(tf.constant(0, tf.int64), name="seen", **same)

    def query(self, images: tf.Tensor) -> tf.Tensor:
        """Exchange a batch of new images for a mixture of new and stored ones.

        Args:
            images: This replica's part of the global batch, float32
                `(batch, height, width, channels)`.

        Returns:
            The mixture, same shape and dtype.
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
        """Return the images for a global batch, and the new content of the pool."""
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
