"""pix2pix: one generator that learns from pairs, and a discriminator that scores pairs."""

from typing import Any

import keras
import tensorflow as tf

from cyclegan_tf.config.direction import Direction
from cyclegan_tf.models.losses import adversarial_loss, l1_loss
from cyclegan_tf.models.translator import AdversarialTranslator, Losses, together


class Pix2Pix(AdversarialTranslator):
    """Learns to translate images of domain A into their partners in B.

    Train it with `compile` and `fit` on batches of pairs `(real_a, real_b)`, or call `train_step`
    yourself inside `tf.distribute.Strategy.run`.

    Args:
        generator_ab: Maps float images of A, `(batch, height, width, channels)` in [-1, 1], to
            images of B.
        discriminator: Maps an image of A and one of B, concatenated along the channels, to scores
            of any shape.
        gan_mode: `vanilla`, `lsgan`, `wgangp` or `hinge`, see `losses`.
        lambda_gradient_penalty: Weight of the gradient penalty, with `wgangp` only.
        lambda_l1: Weight of `|G(a) - b|`.
        **kwargs: `ema`, `remat` and `seed`, see `Translator`.

    Reference:
        Isola et al., https://arxiv.org/abs/1611.07004
    """

    def __init__(
        self,
        generator_ab: keras.Model,
        discriminator: keras.Model,
        gan_mode: str = "vanilla",
        lambda_gradient_penalty: float = 10.0,
        lambda_l1: float = 100.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            {Direction.A2B: generator_ab},
            {"discriminator": discriminator},
            gan_mode,
            lambda_gradient_penalty,
            **kwargs,
        )
        self.lambda_l1 = lambda_l1

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Translate images of A."""
        return self.generator_ab(inputs, training=training)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> Losses:
        """Update the discriminator, then the generator against it, on one batch.

        Args:
            data: This replica's part of the pairs `(real_a, real_b)`, each float32
                `(batch, height, width, channels)` in [-1, 1].

        Returns:
            Scalars by name: the weighted loss terms, averaged over the global batch, and the
            gradient norms, averaged over the replicas.
        """
        real_a, real_b = data
        with tf.GradientTape() as tape:
            (fake_b,) = together(self.generator_ab, real_a, remat=self.remat)
            with tape.stop_recording():
                with tf.GradientTape() as inner_tape:
                    losses = self.discriminator_losses(real_a, real_b, fake_b)
                    objective = self._differentiable(tf.add_n(list(losses.values())))
                self._apply(self._update("discriminator", inner_tape, objective, losses))
            terms = self.generator_losses(real_a, real_b, fake_b)
            objective = self._differentiable(terms["generator_loss"])
        losses = terms | losses
        self._apply(self._update("generator", tape, objective, losses))
        return self._finish(losses)

    def generator_losses(self, real_a: tf.Tensor, real_b: tf.Tensor, fake_b: tf.Tensor) -> Losses:
        """Compute the loss terms of the generator.

        Args:
            real_a: Float32 `(batch, height, width, channels)` in [-1, 1].
            real_b: Its partner.
            fake_b: The generator's output for `real_a`.

        Returns:
            `adversarial_loss`, `l1_loss` (weighted) and their sum, `generator_loss`.
        """
        scores = self.discriminator(tf.concat([real_a, fake_b], -1), training=True)
        losses = {
            "adversarial_loss": adversarial_loss(scores, self.gan_mode),
            "l1_loss": self.lambda_l1 * l1_loss(fake_b, real_b),
        }
        return losses | {"generator_loss": tf.add_n(list(losses.values()))}

    def discriminator_losses(
        self, real_a: tf.Tensor, real_b: tf.Tensor, fake_b: tf.Tensor
    ) -> Losses:
        """Compute the loss terms of the discriminator.

        Args:
            real_a: Float32 `(batch, height, width, channels)` in [-1, 1].
            real_b: Its partner.
            fake_b: The generator's output for `real_a`, treated as a constant.

        Returns:
            `discriminator_loss`; with `wgangp` also the weighted `gradient_penalty`.
        """
        return self._discriminator_terms(
            "discriminator", tf.concat([real_a, real_b], -1), tf.concat([real_a, fake_b], -1)
        )
