"""What all models share: networks, optimizers, averaged copies, and how an update is made."""

import zlib
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from cyclegan_tf import compat
from cyclegan_tf.config.direction import Direction
from cyclegan_tf.models import randomness
from cyclegan_tf.models.layers import Dropout
from cyclegan_tf.models.loss_scaling import DynamicLossScale, Update
from cyclegan_tf.models.losses import discriminator_loss, gradient_penalty
from cyclegan_tf.models.normalization import InstanceNormalization

Losses = dict[str, tf.Tensor]


class Translator(keras.Model):
    """Base of the models, independent of their losses.

    All generators are trained by one optimizer, and all discriminators by another. Each network
    is an attribute: `generator_ab` for the direction `a2b`, discriminators by their own names.

    Args:
        generators: By direction.
        discriminators: By name, such as `discriminator_b`.
        ema: Decay per step of averaged copies of the generators; 0 is none.
        remat: Whether the generators' activations are computed again for the gradients instead
            of being kept.
        seed: Of the random numbers in a step.
    """

    def __init__(
        self,
        generators: Mapping[Direction, keras.Model],
        discriminators: Mapping[str, keras.Model] | None = None,
        ema: float = 0.0,
        remat: bool = False,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.directions = tuple(generators)
        self._judges = tuple(discriminators or ())
        named = {direction.generator: network for direction, network in generators.items()}
        for name, network in {**named, **(discriminators or {})}.items():
            setattr(self, name, network)
        self.ema = ema
        self.remat = remat
        self.seed = seed
        for direction, network in generators.items() if ema else ():
            average = keras.models.clone_model(network)
            average.set_weights(network.get_weights())
            setattr(self, direction.average, average)
        self.loss_scale = None
        if keras.mixed_precision.global_policy().compute_dtype == "float16":
            self.loss_scale = DynamicLossScale()

    @property
    def translators(self) -> dict[str, keras.Model]:
        """The generators to use for results, by direction: the averaged ones if there are any."""
        return {d: getattr(self, d.average if self.ema else d.generator) for d in self.directions}

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer,
        discriminator_optimizer: keras.optimizers.Optimizer | None = None,
    ) -> None:
        """Sets the optimizers.

        Args:
            generator_optimizer: Of all generators, for example `adam(2e-4)`.
            discriminator_optimizer: Another one, for all discriminators, where there are any.
        """
        compat.compile_without_loss(self, generator_optimizer)
        self.generator_optimizer = generator_optimizer
        # Built now, so that a checkpoint can be restored strictly before the first step.
        generator_optimizer.build(self.trained_variables("generator"))
        if discriminator_optimizer is not None:
            self.discriminator_optimizer = discriminator_optimizer
            discriminator_optimizer.build(self.trained_variables("discriminator"))

    @property
    def networks(self) -> dict[str, keras.Model]:
        """The trained networks, by name."""
        names = (*(direction.generator for direction in self.directions), *self._judges)
        return {name: getattr(self, name) for name in names}

    @property
    def players(self) -> list[str]:
        """`generator`, and `discriminator` if there is one: each has an optimizer of its own."""
        return ["generator", "discriminator"] if self._judges else ["generator"]

    def trained_variables(self, player: str) -> list[Any]:
        """Returns the trainable variables of all generators, or all discriminators.

        Args:
            player: `generator` or `discriminator`.
        """
        return [
            variable
            for name, network in self.networks.items()
            if (name in self._judges) == (player == "discriminator")
            for variable in network.trainable_variables
        ]

    def state(self) -> dict[str, dict[str, tf.Variable]]:
        """Returns everything a checkpoint has to hold, under names both Keras stacks share.

        Raises:
            AttributeError: Before `compile`.
        """
        averages = [direction.average for direction in self.directions] if self.ema else []
        state = {
            name: compat.network_state(getattr(self, name)) for name in (*self.networks, *averages)
        }
        for player in self.players:
            name = f"{player}_optimizer"
            state[name] = compat.optimizer_state(getattr(self, name))
        if self.loss_scale:
            scale = self.loss_scale
            state["loss_scale"] = {"scale": scale.scale, "good_steps": scale.good_steps}
        return state

    @property
    def step(self) -> tf.Tensor:
        """Updates made so far, an integer scalar: what random numbers of a step are drawn from."""
        return tf.convert_to_tensor(compat.raw_variable(self.generator_optimizer.iterations))

    def _seed_of(self, purpose: str) -> int:
        """Gives each use of random numbers a seed of its own."""
        return zlib.crc32(f"{purpose} {self.seed}".encode())

    def _differentiable(self, loss: tf.Tensor) -> tf.Tensor:
        # Optimizers sum gradients over replicas. This is the only place that divides by
        # their number, so that the sum becomes the mean over the global batch.
        loss = loss / tf.distribute.get_strategy().num_replicas_in_sync
        return self.loss_scale.scaled(loss) if self.loss_scale else loss

    def _update(
        self, player: str, tape: tf.GradientTape, objective: tf.Tensor, losses: Losses
    ) -> Update:
        """Differentiates what a player minimizes, and notes the gradients' norm as a metric.

        Args:
            player: `generator` or `discriminator`.
            tape: On which the objective was computed.
            objective: From `_differentiable`.
            losses: Gets the norm: the mean over replicas of each one's own.
        """
        variables = self.trained_variables(player)
        gradients = tape.gradient(objective, variables)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        scale = self.loss_scale.scale if self.loss_scale else 1.0
        losses[f"{player}_gradient_norm"] = tf.linalg.global_norm(gradients) * replicas / scale
        return getattr(self, f"{player}_optimizer"), gradients, variables

    def _apply(self, *updates: Update) -> None:
        if self.loss_scale:
            self.loss_scale.apply(*updates)
            return
        for optimizer, gradients, variables in updates:
            optimizer.apply_gradients(zip(gradients, variables, strict=True))

    def _finish(self, losses: Losses) -> Losses:
        """Ends a step: lets the averages follow, and averages the metrics over the replicas."""
        replica = tf.distribute.get_replica_context()
        if self.ema:
            replica.merge_call(self._update_averages)
        stacked = tf.stack([tf.cast(loss, tf.float32) for loss in losses.values()])
        means = replica.all_reduce(tf.distribute.ReduceOp.MEAN, stacked)
        return dict(zip(losses, tf.unstack(means), strict=True))

    def _update_averages(self, strategy: tf.distribute.Strategy) -> None:
        def follow(average: tf.Variable, value: tf.Tensor) -> tf.Operation:
            if not average.dtype.is_floating:  # Counts are not averaged.
                return average.assign(value)
            return average.assign_sub((1.0 - self.ema) * (average - value))

        for direction in self.directions:
            networks = getattr(self, direction.average), getattr(self, direction.generator)
            pair = (network.weights for network in networks)
            for average, value in zip(*pair, strict=True):
                strategy.extended.update(
                    compat.raw_variable(average), follow, args=(compat.raw_variable(value),)
                )


class AdversarialTranslator(Translator):
    """Base of the models with discriminators.

    Args:
        generators: By direction.
        discriminators: By name, such as `discriminator_b`.
        gan_mode: `lsgan`, `vanilla`, `wgangp` or `hinge`, see `losses`.
        lambda_gradient_penalty: Weight of the gradient penalty, which `wgangp` adds.
        **kwargs: As for `Translator`.

    Raises:
        ValueError: If there will be a gradient penalty, and a discriminator has an instance norm
            whose second derivatives are wrong.
    """

    def __init__(
        self,
        generators: Mapping[Direction, keras.Model],
        discriminators: Mapping[str, keras.Model],
        gan_mode: str,
        lambda_gradient_penalty: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(generators, discriminators, **kwargs)
        layers = (layer for judge in discriminators.values() for layer in judge.layers)
        if gan_mode == "wgangp" and any(isinstance(x, InstanceNormalization) for x in layers):
            raise ValueError(
                "`gan_mode` wgangp differentiates discriminators twice: build them with "
                "`penalized=True`. Received: one with an `InstanceNormalization`"
            )
        self.gan_mode = gan_mode
        self.lambda_gradient_penalty = lambda_gradient_penalty

    def _judgement(self, name: str, real: tf.Tensor, fake: tf.Tensor) -> Losses:
        """Computes what a discriminator minimizes.

        Args:
            name: `discriminator`, or that of one domain, such as `discriminator_a`.
            real: Float32 `(batch, height, width, channels)`.
            fake: Likewise, taken as constants.

        Returns:
            `discriminator_loss`, with `wgangp` also the weighted `gradient_penalty`; each with the
            domain.
        """
        judge, domain = getattr(self, name), name.removeprefix("discriminator")
        fake = tf.stop_gradient(fake)
        of_real, of_fake = together(judge, real, fake)
        losses = {
            f"discriminator_loss{domain}": discriminator_loss(of_real, of_fake, self.gan_mode)
        }
        if self.gan_mode == "wgangp":
            one_each = tf.stack([tf.shape(real)[0], 1, 1, 1])
            uniform = tf.random.stateless_uniform
            place = randomness.draw(uniform, one_each, self._seed_of(name), self.step)
            penalty = gradient_penalty(lambda x: judge(x, training=True), real, fake, place)
            losses[f"gradient_penalty{domain}"] = self.lambda_gradient_penalty * penalty
        return losses


def together(network: keras.Model, *batches: tf.Tensor, remat: bool = False) -> list[tf.Tensor]:
    """Runs a network on several batches in training mode, at once where that changes nothing.

    One large pass is faster than several small ones. It is not the same where pictures differ
    in size, where batch norm takes statistics over all of them, or where dropout numbers the
    pictures of the global batch; and where memory is short, it takes twice as much.

    Args:
        network: From and to float tensors whose first dimension is the batch.
        *batches: What it is run on.
        remat: Whether activations are computed again for the gradients instead of being kept.

    Returns:
        An output for each batch.
    """

    def run(batch: tf.Tensor) -> tf.Tensor:
        return network(batch, training=True)

    # A graph can recompute functions of tensors alone.
    run = tf.recompute_grad(run) if remat else run
    apart = remat or any(
        isinstance(layer, (keras.layers.BatchNormalization, Dropout)) for layer in network.layers
    )
    shapes = {tuple(batch.shape[1:]) for batch in batches}
    if apart or len(shapes) > 1 or None in shapes.pop():
        return [run(batch) for batch in batches]
    return tf.split(run(tf.concat(batches, 0)), [tf.shape(batch)[0] for batch in batches])
