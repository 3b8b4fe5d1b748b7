"""CycleGAN: two generators, two discriminators and their training step."""

from typing import Any

import keras
import tensorflow as tf

from cyclegan_tf.config.direction import Direction
from cyclegan_tf.models.image_pool import ImagePool
from cyclegan_tf.models.losses import adversarial_loss, l1_loss
from cyclegan_tf.models.translator import AdversarialTranslator, Losses, together


class CycleGAN(AdversarialTranslator):
    """Learns to translate between two unpaired domains.

    `generator_ab` translates images of domain A to domain B (the paper's G), `generator_ba`
    images of B to A (F). `discriminator_a` scores images of A (the paper's D_X),
    `discriminator_b` images of B (D_Y).

    Train it with `compile` and `fit` on batches `(real_a, real_b)`, or call `train_step`
    yourself inside `tf.distribute.Strategy.run`.

    Args:
        generator_ab: Maps float images of A, `(batch, height, width, channels)` in [-1, 1], to
            images of B.
        generator_ba: Maps images of B to images of A.
        discriminator_a: Maps images of A to scores of any shape.
        discriminator_b: Maps images of B to scores of any shape.
        image_size: `(height, width)` of the training images, in pixels, for the image pools.
        gan_mode: `lsgan`, `vanilla`, `wgangp` or `hinge`, see `losses`.
        lambda_gradient_penalty: Weight of the gradient penalty, with `wgangp` only.
        lambda_cycle: Weight of both cycle losses; `lambda_a` and `lambda_b` override it.
        lambda_a: Weight of `|F(G(a)) - a|`; None uses `lambda_cycle`.
        lambda_b: Weight of `|G(F(b)) - b|`; None uses `lambda_cycle`.
        lambda_identity: Weight of `|G(b) - b|` relative to `lambda_b`, and of `|F(a) - a|`
            relative to `lambda_a`; 0 disables the identity losses.
        pool_size: Generated images kept for each discriminator; 0 disables the pools.
        **kwargs: `ema`, `remat` and `seed`, see `Translator`.

    Raises:
        ValueError: If identity losses are enabled and the domains differ in channels.

    Reference:
        Zhu et al., https://arxiv.org/abs/1703.10593
    """

    def __init__(
        self,
        generator_ab: keras.Model,
        generator_ba: keras.Model,
        discriminator_a: keras.Model,
        discriminator_b: keras.Model,
        image_size: tuple[int, int] = (256, 256),
        gan_mode: str = "lsgan",
        lambda_gradient_penalty: float = 10.0,
        lambda_cycle: float = 10.0,
        lambda_a: float | None = None,
        lambda_b: float | None = None,
        lambda_identity: float = 0.5,
        pool_size: int = 50,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            {Direction.A2B: generator_ab, Direction.B2A: generator_ba},
            {"discriminator_a": discriminator_a, "discriminator_b": discriminator_b},
            gan_mode,
            lambda_gradient_penalty,
            **kwargs,
        )
        channels_a, channels_b = generator_ab.input_shape[-1], generator_ab.output_shape[-1]
        if lambda_identity and channels_a != channels_b:
            raise ValueError(
                "identity losses need domains with equal channels; set `lambda_identity` to 0. "
                f"Received: {channels_a} and {channels_b} channels"
            )
        self.lambda_a = lambda_cycle if lambda_a is None else lambda_a
        self.lambda_b = lambda_cycle if lambda_b is None else lambda_b
        self.lambda_identity = lambda_identity
        self.pool_a = ImagePool(pool_size, (*image_size, channels_a), seed=2 * self.seed)
        self.pool_b = ImagePool(pool_size, (*image_size, channels_b), seed=2 * self.seed + 1)

    def state(self) -> dict[str, dict[str, tf.Variable]]:
        pools = {"pool_a": self.pool_a, "pool_b": self.pool_b}
        return super().state() | {
            name: {"images": pool.images, "seen": pool.seen} for name, pool in pools.items()
        }

    def call(
        self, inputs: tuple[tf.Tensor, tf.Tensor], training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Translate `(real_a, real_b)` into `(fake_b, fake_a)`."""
        real_a, real_b = inputs
        fake_b = self.generator_ab(real_a, training=training)
        fake_a = self.generator_ba(real_b, training=training)
        return fake_b, fake_a

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> Losses:
        """Update the generators, then the discriminators, on one batch.

        Generator gradients treat the discriminators as constants. The discriminators are trained,
        through the image pools, on the fakes generated before the generators' update. Neither
        update therefore needs the other's result, and both are applied at the end.

        Args:
            data: This replica's part of `(real_a, real_b)`, each float32
                `(batch, height, width, channels)` in [-1, 1].

        Returns:
            Scalars by name: the weighted loss terms, averaged over the global batch, and the
            gradient norms, averaged over the replicas.
        """
        real_a, real_b = data
        with tf.GradientTape() as tape:
            losses, fake_a, fake_b = self.generator_losses(real_a, real_b)
            objective = self._differentiable(losses["generator_loss"])
        of_generators = self._update("generator", tape, objective, losses)

        pooled_a, pooled_b = self.pool_a.query(fake_a), self.pool_b.query(fake_b)
        with tf.GradientTape() as tape:
            terms = self.discriminator_losses(real_a, real_b, pooled_a, pooled_b)
            objective = self._differentiable(tf.add_n(list(terms.values())))
        losses |= terms
        of_discriminators = self._update("discriminator", tape, objective, losses)

        self._apply(of_generators, of_discriminators)
        return self._finish(losses)

    def generator_losses(
        self, real_a: tf.Tensor, real_b: tf.Tensor
    ) -> tuple[Losses, tf.Tensor, tf.Tensor]:
        """Compute the loss terms of the generators.

        Args:
            real_a: Float32 `(batch, height, width, channels)` in [-1, 1].
            real_b: Likewise, of B.

        Returns:
            The weighted terms by name, including their sum `generator_loss`; the fakes of A; and
            the fakes of B.
        """
        of_ab, of_ba = [real_a, real_b], [real_b, real_a]
        if not self.lambda_identity:
            of_ab, of_ba = of_ab[:1], of_ba[:1]
        fake_b, *identity_b = together(self.generator_ab, *of_ab, remat=self.remat)
        fake_a, *identity_a = together(self.generator_ba, *of_ba, remat=self.remat)
        (cycled_a,) = together(self.generator_ba, fake_b, remat=self.remat)
        (cycled_b,) = together(self.generator_ab, fake_a, remat=self.remat)
        # Training mode as in the published code, although constant here: it affects batch norm.
        scores_a = self.discriminator_a(fake_a, training=True)
        scores_b = self.discriminator_b(fake_b, training=True)
        losses = {
            "adversarial_loss_ab": adversarial_loss(scores_b, self.gan_mode),
            "adversarial_loss_ba": adversarial_loss(scores_a, self.gan_mode),
            "cycle_loss_a": self.lambda_a * l1_loss(cycled_a, real_a),
            "cycle_loss_b": self.lambda_b * l1_loss(cycled_b, real_b),
        }
        if self.lambda_identity:
            weight_a, weight_b = (
                self.lambda_identity * weight for weight in (self.lambda_a, self.lambda_b)
            )
            losses["identity_loss_a"] = weight_a * l1_loss(identity_a[0], real_a)
            losses["identity_loss_b"] = weight_b * l1_loss(identity_b[0], real_b)
        losses["generator_loss"] = tf.add_n(list(losses.values()))
        return losses, fake_a, fake_b

    def discriminator_losses(
        self, real_a: tf.Tensor, real_b: tf.Tensor, fake_a: tf.Tensor, fake_b: tf.Tensor
    ) -> Losses:
        """Compute the loss terms of both discriminators.

        Args:
            real_a: Float32 `(batch, height, width, channels)` in [-1, 1].
            real_b: Likewise, of B.
            fake_a: Generated images of A, treated as constants.
            fake_b: Generated images of B, treated as constants.

        Returns:
            `discriminator_loss_a` and `discriminator_loss_b`; with `wgangp` also the weighted
            `gradient_penalty_a` and `gradient_penalty_b`.
        """
        terms_a = self._discriminator_terms("discriminator_a", real_a, fake_a)
        return terms_a | self._discriminator_terms("discriminator_b", real_b, fake_b)
