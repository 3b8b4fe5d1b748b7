"""Training without a discriminator: outputs are compared with their targets pixel by pixel."""

from typing import Any

import keras
import tensorflow as tf

from cyclegan_tf.config.direction import Direction
from cyclegan_tf.models import randomness
from cyclegan_tf.models.autoencoders import label_maps
from cyclegan_tf.models.losses import l1_loss, l2_loss
from cyclegan_tf.models.translator import Losses, Translator, together


class Autoencoder(Translator):
    """Learns from pairs with a pixel loss only.

    The targets determine the task: the images themselves (reconstruction, denoising), their
    partners in another domain (translation) or class indices (segmentation).

    Train it with `compile` and `fit` on batches of pairs `(inputs, targets)`, or call `train_step`
    yourself inside `tf.distribute.Strategy.run`.

    Args:
        generator_ab: Maps float images, `(batch, height, width, channels)` in [-1, 1], to images,
            or with `cross_entropy` to class logits.
        loss: `l1`, `l2` or `cross_entropy`, see `PIXEL_LOSSES`.
        noise: Standard deviation of the Gaussian noise added to inputs in training, on the scale
            [-1, 1]. Noisy inputs are not clipped: clipping would shift their mean towards grey.
        **kwargs: `ema`, `remat` and `seed`, see `Translator`.

    Raises:
        ValueError: If the loss is unknown.

    Reference:
        Hinton and Salakhutdinov, https://doi.org/10.1126/science.1127647; noise: Vincent et al.,
        https://www.jmlr.org/papers/v11/vincent10a.html
    """

    def __init__(
        self, generator_ab: keras.Model, loss: str = "l2", noise: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__({Direction.A2B: generator_ab}, **kwargs)
        if loss not in PIXEL_LOSSES:
            raise ValueError(f"`loss` should be one of {', '.join(PIXEL_LOSSES)}. Received: {loss}")
        self.pixel_loss = PIXEL_LOSSES[loss]
        self.noise = noise

    @property
    def translators(self) -> dict[str, keras.Model]:
        networks = super().translators
        if self.pixel_loss is not cross_entropy_loss:
            return networks
        return {direction: label_maps(network) for direction, network in networks.items()}

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Reconstruct or translate images, or compute the class logits of their pixels."""
        return self.generator_ab(inputs, training=training)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> Losses:
        """Update the network on one batch.

        Args:
            data: This replica's part of `(inputs, targets)`, both float32
                `(batch, height, width, channels)` in [-1, 1]. With `cross_entropy`, targets
                are class indices of any dtype, `(batch, height, width, 1)`.

        Returns:
            Scalars by name: `generator_loss`, averaged over the global batch, and the gradient
            norm, averaged over the replicas.
        """
        inputs, targets = data
        with tf.GradientTape() as tape:
            (outputs,) = together(self.generator_ab, self.noisy(inputs), remat=self.remat)
            losses = {"generator_loss": self.pixel_loss(outputs, targets)}
            objective = self._differentiable(losses["generator_loss"])
        self._apply(self._update("generator", tape, objective, losses))
        return self._finish(losses)

    def noisy(self, inputs: tf.Tensor) -> tf.Tensor:
        """Add the noise of this step to this replica's part of the global batch, float32."""
        if not self.noise:
            return inputs
        normal, shape = tf.random.stateless_normal, tf.shape(inputs)
        return inputs + self.noise * randomness.draw(
            normal, shape, self._seed_of("noise"), self.step
        )


def cross_entropy_loss(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Compute the mean negative log-likelihood of the target class.

    Args:
        logits: Float `(batch, height, width, classes)`.
        labels: Class indices from 0, any dtype, `(batch, height, width, 1)`.

    Returns:
        A scalar of the logits' dtype. For an index out of range it is NaN or raises
        `tf.errors.InvalidArgumentError`, depending on the device.
    """
    indices = tf.cast(tf.squeeze(labels, -1), tf.int32)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(indices, logits))


PIXEL_LOSSES = {"l1": l1_loss, "l2": l2_loss, "cross_entropy": cross_entropy_loss}
