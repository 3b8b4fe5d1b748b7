"""Base classes of the models: networks, optimizers, averaged copies and updates."""

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
    """Base class of the models, independent of their losses.

    One optimizer trains all generators, another all discriminators. Each network is an attribute:
    `generator_ab` for the direction `a2b`, discriminators under their own names.

    Args:
        generators: Generators by direction.
        discriminators: Discriminators by name, such as `discriminator_b`.
        ema: Decay per step of the generators' moving averages; 0 disables them.
        remat: Whether to recompute the generators' activations for the gradients instead of
            keeping them in memory.
        seed: Seed of the random numbers in a step.
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
        self._discriminator_names = tuple(discriminators or ())
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
        """The generators to use at inference, by direction; the averaged ones if `ema` is set."""
        return {d: getattr(self, d.average if self.ema else d.generator) for d in self.directions}

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer,
        discriminator_optimizer: keras.optimizers.Optimizer | None = None,
    ) -> None:
        """Set the optimizers.

        Args:
            generator_optimizer: Trains all generators, for example `adam(2e-4)`.
            discriminator_optimizer: Trains all discriminators, if any; a separate instance.
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
        names = (
            *(direction.generator for direction in self.directions),
            *self._discriminator_names,
        )
        return {name: getattr(self, name) for name in names}

    @property
    def players(self) -> list[str]:
        """`generator`, and `discriminator` if there are any: each has its own optimizer."""
        return ["generator", "discriminator"] if self._discriminator_names else ["generator"]

    def trained_variables(self, player: str) -> list[Any]:
        """Return the trainable variables of all generators, or all discriminators.

        Args:
            player: `generator` or `discriminator`.
        """
        return [
            variable
            for name, network in self.networks.items()
            if (name in self._discriminator_names) == (player == "discriminator")
            for variable in network.trainable_variables
        ]

    def state(self) -> dict[str, dict[str, tf.Variable]]:
        """Return all variables of a checkpoint, under names that both Keras stacks share.

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
        """Number of updates so far, an integer scalar; seeds the random numbers of a step."""
        return tf.convert_to_tensor(compat.raw_variable(self.generator_optimizer.iterations))

    def _seed_of(self, purpose: str) -> int:
        """Return a separate seed for each use of random numbers."""
        return zlib.crc32(f"{purpose} {self.seed}".encode())

    def _differentiable(self, loss: tf.Tensor) -> tf.Tensor:
        # Optimizers sum gradients over replicas. Only here the loss is divided by their number,
        # so that the sum becomes the mean over the global batch.
        loss = loss / tf.distribute.get_strategy().num_replicas_in_sync
        return self.loss_scale.scaled(loss) if self.loss_scale else loss

    def _update(
        self, player: str, tape: tf.GradientTape, objective: tf.Tensor, losses: Losses
    ) -> Update:
        """Compute the gradients of an objective, and add their norm to the metrics.

        Args:
            player: `generator` or `discriminator`.
            tape: Recorded the objective.
            objective: From `_differentiable`.
            losses: Receives this replica's gradient norm.
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
        """Update the moving averages, and average the metrics over the replicas."""
        replica = tf.distribute.get_replica_context()
        if self.ema:
            replica.merge_call(self._update_averages)
        stacked = tf.stack([tf.cast(loss, tf.float32) for loss in losses.values()])
        means = replica.all_reduce(tf.distribute.ReduceOp.MEAN, stacked)
        return dict(zip(losses, tf.unstack(means), strict=True))

    def _update_averages(self, strategy: tf.distribute.Strategy) -> None:
        def follow(average: tf.Variable, value: tf.Tensor) -> tf.Operation:
            if not average.dtype.is_floating:  # Counters are copied, not averaged.
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
    """Base class of the models with discriminators.

    Args:
        generators: Generators by direction.
        discriminators: Discriminators by name, such as `discriminator_b`.
        gan_mode: `lsgan`, `vanilla`, `wgangp` or `hinge`, see `losses`.
        lambda_gradient_penalty: Weight of the gradient penalty, with `wgangp` only.
        **kwargs: As for `Translator`.

    Raises:
        ValueError: If a gradient penalty is used and a discriminator has an instance norm whose
            second derivatives are wrong.
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
        layers = (layer for network in discriminators.values() for layer in network.layers)
        if gan_mode == "wgangp" and any(isinstance(x, InstanceNormalization) for x in layers):
            raise ValueError(
                "`gan_mode` wgangp differentiates discriminators twice; build them with "
                "`penalized=True`. Received: one with an `InstanceNormalization`"
            )
        self.gan_mode = gan_mode
        self.lambda_gradient_penalty = lambda_gradient_penalty

    def _discriminator_terms(self, name: str, real: tf.Tensor, fake: tf.Tensor) -> Losses:
        """Compute the loss terms of one discriminator.

        Args:
            name: `discriminator`, or with a domain, such as `discriminator_a`.
            real: Float32 `(batch, height, width, channels)`.
            fake: Likewise, treated as constants.

        Returns:
            `discriminator_loss`; with `wgangp` also the weighted `gradient_penalty`. The names end
            in the domain, if any.
        """
        network, domain = getattr(self, name), name.removeprefix("discriminator")
        fake = tf.stop_gradient(fake)
        of_real, of_fake = together(network, real, fake)
        losses = {
            f"discriminator_loss{domain}": discriminator_loss(of_real, of_fake, self.gan_mode)
        }
        if self.gan_mode == "wgangp":
            one_each = tf.stack([tf.shape(real)[0], 1, 1, 1])
            uniform = tf.random.stateless_uniform
            place = randomness.draw(uniform, one_each, self._seed_of(name), self.step)
            penalty = gradient_penalty(lambda x: network(x, training=True), real, fake, place)
            losses[f"gradient_penalty{domain}"] = self.lambda_gradient_penalty * penalty
        return losses


def together(network: keras.Model, *batches: tf.Tensor, remat: bool = False) -> list[tf.Tensor]:
    """Run a network on several batches in training mode, concatenated where results are equal.

    One large pass is faster than several small ones. Batches are run separately if images differ
    in size, and with batch norm or dropout, whose results depend on the batch. They are
    also run separately with `remat`, because a concatenated pass needs twice the memory.

    Args:
        network: Maps float tensors to float tensors; the first dimension is the batch.
        *batches: Inputs.
        remat: Whether to recompute activations for the gradients instead of keeping them.

    Returns:
        One output per batch.
    """

    def run(batch: tf.Tensor) -> tf.Tensor:
        return network(batch, training=True)

    # `recompute_grad` needs a function of tensors only.
    run = tf.recompute_grad(run) if remat else run
    separate = remat or any(
        isinstance(layer, (keras.layers.BatchNormalization, Dropout)) for layer in network.layers
    )
    shapes = {tuple(batch.shape[1:]) for batch in batches}
    if separate or len(shapes) > 1 or None in shapes.pop():
        return [run(batch) for batch in batches]
    return tf.split(run(tf.concat(batches, 0)), [tf.shape(batch)[0] for batch in batches])
