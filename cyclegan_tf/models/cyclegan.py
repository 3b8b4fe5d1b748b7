"""CycleGAN: two generators, two discriminators and the step that trains them."""

from typing import Any

import keras
import tensorflow as tf

from cyclegan_tf import compat
from cyclegan_tf.models.image_pool import ImagePool
from cyclegan_tf.models.loss_scaling import DynamicLossScale, Update
from cyclegan_tf.models.losses import adversarial_loss, discriminator_loss, l1_loss

Losses = dict[str, tf.Tensor]


class CycleGAN(keras.Model):
    """Learns to translate between two unpaired domains.

    `generator_ab` makes pictures of domain B from pictures of A (the paper's G),
    `generator_ba` the reverse (F). `discriminator_a` judges pictures of A (the paper's D_X),
    `discriminator_b` pictures of B (D_Y).

    Train it with `compile` and `fit` on batches `(real_a, real_b)`, or call `train_step`
    yourself inside `tf.distribute.Strategy.run`.

    Args:
        generator_ab: Float pictures of A, `(batch, height, width, channels)` in [-1, 1], to
            pictures of B.
        generator_ba: The reverse.
        discriminator_a: Pictures of A to scores of any shape.
        discriminator_b: Pictures of B to scores of any shape.
        image_size: `(height, width)` of the training pictures; the image pools need it.
        lambda_cycle: Weight of both cycle losses, unless given one by one.
        lambda_a: Weight of |F(G(a)) - a|; None takes `lambda_cycle`.
        lambda_b: Weight of |G(F(b)) - b|; None takes `lambda_cycle`.
        lambda_identity: Weight of |G(b) - b| relative to `lambda_b`, and of |F(a) - a| relative
            to `lambda_a`; 0 leaves the identity losses out.
        pool_size: Generated pictures kept for each discriminator; 0 is no pool.
        ema: Decay per step of averaged copies of the generators; 0 is none.
        seed: Seed of the image pools.

    Raises:
        ValueError: If identity losses are asked for between domains of unequal channels.

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
        lambda_cycle: float = 10.0,
        lambda_a: float | None = None,
        lambda_b: float | None = None,
        lambda_identity: float = 0.5,
        pool_size: int = 50,
        ema: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        channels_a, channels_b = generator_ab.input_shape[-1], generator_ab.output_shape[-1]
        if lambda_identity and channels_a != channels_b:
            raise ValueError(
                "identity losses need domains of equal channels; set `lambda_identity` to 0. "
                f"Received: {channels_a} and {channels_b} channels"
            )
        self.generator_ab = generator_ab
        self.generator_ba = generator_ba
        self.discriminator_a = discriminator_a
        self.discriminator_b = discriminator_b
        self.lambda_a = lambda_cycle if lambda_a is None else lambda_a
        self.lambda_b = lambda_cycle if lambda_b is None else lambda_b
        self.lambda_identity = lambda_identity
        self.pool_a = ImagePool(pool_size, (*image_size, channels_a), seed=2 * seed)
        self.pool_b = ImagePool(pool_size, (*image_size, channels_b), seed=2 * seed + 1)
        self.ema = ema
        if ema:
            self.average_ab = keras.models.clone_model(generator_ab)
            self.average_ba = keras.models.clone_model(generator_ba)
            self.average_ab.set_weights(generator_ab.get_weights())
            self.average_ba.set_weights(generator_ba.get_weights())
        self.loss_scale = None
        if keras.mixed_precision.global_policy().compute_dtype == "float16":
            self.loss_scale = DynamicLossScale()

    @property
    def translators(self) -> tuple[keras.Model, keras.Model]:
        """The generators to use for results, a to b and b to a: the averaged ones if any."""
        if self.ema:
            return self.average_ab, self.average_ba
        return self.generator_ab, self.generator_ba

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer,
        discriminator_optimizer: keras.optimizers.Optimizer,
    ) -> None:
        """Sets the optimizers: one for both generators, one for both discriminators.

        Args:
            generator_optimizer: For example `compat.adam(2e-4)`.
            discriminator_optimizer: Another one of its own.
        """
        compat.compile_without_loss(self, generator_optimizer)
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        # Built now, so that a checkpoint can be restored strictly before the first step.
        generator_optimizer.build(self.generator_variables)
        discriminator_optimizer.build(self.discriminator_variables)

    def state(self) -> dict[str, dict[str, tf.Variable]]:
        """Returns everything a checkpoint has to hold, under names both Keras stacks share.

        Raises:
            AttributeError: Before `compile`.
        """
        networks = ["generator_ab", "generator_ba", "discriminator_a", "discriminator_b"]
        networks += ["average_ab", "average_ba"] if self.ema else []
        state = {name: compat.network_state(getattr(self, name)) for name in networks}
        for name in ("generator_optimizer", "discriminator_optimizer"):
            state[name] = compat.optimizer_state(getattr(self, name))
        for name in ("pool_a", "pool_b"):
            pool = getattr(self, name)
            state[name] = {"images": pool.images, "seen": pool.seen}
        if self.loss_scale:
            scale = self.loss_scale
            state["loss_scale"] = {"scale": scale.scale, "good_steps": scale.good_steps}
        return state

    @property
    def generator_variables(self) -> list[Any]:
        """Trainable variables of both generators."""
        return self.generator_ab.trainable_variables + self.generator_ba.trainable_variables

    @property
    def discriminator_variables(self) -> list[Any]:
        """Trainable variables of both discriminators."""
        return self.discriminator_a.trainable_variables + self.discriminator_b.trainable_variables

    def call(
        self, inputs: tuple[tf.Tensor, tf.Tensor], training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Translates `(real_a, real_b)` into `(fake_b, fake_a)`."""
        real_a, real_b = inputs
        return self.generator_ab(real_a, training=training), self.generator_ba(
            real_b, training=training
        )

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> Losses:
        """Updates the generators, then the discriminators, on one batch.

        The discriminators are held while the generators are updated, and then trained on the
        fakes that the generators made before their update, through the image pools.

        Args:
            data: This replica's part of `(real_a, real_b)`, each float32
                `(batch, height, width, channels)` in [-1, 1].

        Returns:
            Scalars by name: the weighted loss terms, as means over the global batch, and the
            norms of the gradients (the mean over replicas of each one's own).
        """
        real_a, real_b = data
        with tf.GradientTape() as tape:
            losses, fake_a, fake_b = self.generator_losses(real_a, real_b)
            objective = self._differentiable(losses["generator_loss"])
        generator_gradients = tape.gradient(objective, self.generator_variables)
        losses["generator_gradient_norm"] = self._norm(generator_gradients)

        pooled_a, pooled_b = self.pool_a.query(fake_a), self.pool_b.query(fake_b)
        with tf.GradientTape() as tape:
            losses |= self.discriminator_losses(real_a, real_b, pooled_a, pooled_b)
            objective = self._differentiable(
                losses["discriminator_loss_a"] + losses["discriminator_loss_b"]
            )
        discriminator_gradients = tape.gradient(objective, self.discriminator_variables)
        losses["discriminator_gradient_norm"] = self._norm(discriminator_gradients)

        self._apply(
            (self.generator_optimizer, generator_gradients, self.generator_variables),
            (self.discriminator_optimizer, discriminator_gradients, self.discriminator_variables),
        )
        if self.ema:
            tf.distribute.get_replica_context().merge_call(self._update_averages)
        return _global_means(losses)

    def generator_losses(
        self, real_a: tf.Tensor, real_b: tf.Tensor
    ) -> tuple[Losses, tf.Tensor, tf.Tensor]:
        """Computes what the generators minimize.

        Args:
            real_a: Float32 `(batch, height, width, channels)` in [-1, 1].
            real_b: Likewise.

        Returns:
            The weighted terms by name, their sum being `generator_loss`; and the fakes of A
            and of B.
        """
        fake_b = self.generator_ab(real_a, training=True)
        fake_a = self.generator_ba(real_b, training=True)
        cycled_a = self.generator_ba(fake_b, training=True)
        cycled_b = self.generator_ab(fake_a, training=True)
        losses = {
            "adversarial_loss_ab": adversarial_loss(self.discriminator_b(fake_b), True),
            "adversarial_loss_ba": adversarial_loss(self.discriminator_a(fake_a), True),
            "cycle_loss_a": self.lambda_a * l1_loss(cycled_a, real_a),
            "cycle_loss_b": self.lambda_b * l1_loss(cycled_b, real_b),
        }
        if self.lambda_identity:
            identity_a = self.generator_ba(real_a, training=True)
            identity_b = self.generator_ab(real_b, training=True)
            weight_a, weight_b = (
                self.lambda_identity * weight for weight in (self.lambda_a, self.lambda_b)
            )
            losses["identity_loss_a"] = weight_a * l1_loss(identity_a, real_a)
            losses["identity_loss_b"] = weight_b * l1_loss(identity_b, real_b)
        losses["generator_loss"] = tf.add_n(list(losses.values()))
        return losses, fake_a, fake_b

    def discriminator_losses(
        self, real_a: tf.Tensor, real_b: tf.Tensor, fake_a: tf.Tensor, fake_b: tf.Tensor
    ) -> Losses:
        """Computes what each discriminator minimizes.

        Args:
            real_a: Float32 `(batch, height, width, channels)` in [-1, 1].
            real_b: Likewise.
            fake_a: Generated pictures of A, taken as constants.
            fake_b: Generated pictures of B, taken as constants.

        Returns:
            `discriminator_loss_a` and `discriminator_loss_b`.
        """
        return {
            f"discriminator_loss_{domain}": discriminator_loss(
                judge(real, training=True), judge(tf.stop_gradient(fake), training=True)
            )
            for domain, judge, real, fake in (
                ("a", self.discriminator_a, real_a, fake_a),
                ("b", self.discriminator_b, real_b, fake_b),
            )
        }

    def _differentiable(self, loss: tf.Tensor) -> tf.Tensor:
        # Optimizers sum gradients over replicas. This is the only place that divides by
        # their number, so that the sum becomes the mean over the global batch.
        loss = loss / tf.distribute.get_strategy().num_replicas_in_sync
        return self.loss_scale.scaled(loss) if self.loss_scale else loss

    def _norm(self, gradients: list[tf.Tensor]) -> tf.Tensor:
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        scale = self.loss_scale.scale if self.loss_scale else 1.0
        return tf.linalg.global_norm(gradients) * replicas / scale

    def _apply(self, *updates: Update) -> None:
        if self.loss_scale:
            self.loss_scale.apply(*updates)
            return
        for optimizer, gradients, variables in updates:
            optimizer.apply_gradients(zip(gradients, variables, strict=True))

    def _update_averages(self, strategy: tf.distribute.Strategy) -> None:
        for average_model, model in (
            (self.average_ab, self.generator_ab),
            (self.average_ba, self.generator_ba),
        ):
            for average, value in zip(average_model.weights, model.weights, strict=True):
                strategy.extended.update(
                    compat.raw_variable(average),
                    lambda a, v: a.assign_sub((1.0 - self.ema) * (a - v)),
                    args=(compat.raw_variable(value),),
                )


def _global_means(losses: Losses) -> Losses:
    """Averages per-replica scalars, in one reduction."""
    replica = tf.distribute.get_replica_context()
    stacked = tf.stack([tf.cast(loss, tf.float32) for loss in losses.values()])
    means = replica.all_reduce(tf.distribute.ReduceOp.MEAN, stacked)
    return dict(zip(losses, tf.unstack(means), strict=True))
