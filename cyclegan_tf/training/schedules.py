"""Learning rates as functions of the step."""

import math
from typing import Any

import keras
import tensorflow as tf


def learning_rate(
    schedule: str,
    initial: float,
    steps_per_epoch: int,
    epochs: int,
    decay_epochs: int,
    decay_every: int = 50,
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Create the learning rate of an optimizer.

    Args:
        schedule: `linear`, `step`, `cosine` or `constant`.
        initial: Learning rate of the first epoch.
        steps_per_epoch: Steps of an epoch.
        epochs: Epochs at the initial rate, for `linear`.
        decay_epochs: Epochs of decay, for `linear`. `cosine` decays over `epochs + decay_epochs`.
        decay_every: Epochs between decays, for `step`.

    Raises:
        ValueError: If the schedule is unknown.
    """
    if schedule == "constant":
        return initial
    if schedule == "linear":
        return LinearDecay(initial, steps_per_epoch, epochs, decay_epochs)
    if schedule == "step":
        return StepDecay(initial, steps_per_epoch, decay_every)
    if schedule == "cosine":
        return CosineDecay(initial, steps_per_epoch, epochs + decay_epochs)
    raise ValueError(f"`schedule` should be linear, step, cosine or constant. Received: {schedule}")


class _EpochDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Base class of the schedules, whose factor changes at epoch ends, as in the published code.

    Args:
        initial: Learning rate of the first epoch.
        steps_per_epoch: Steps of an epoch.
        **lengths: Further integers of the schedule; stored as attributes of these names.
    """

    def __init__(self, initial: float, steps_per_epoch: int, **lengths: int) -> None:
        super().__init__()
        self._config = {"initial": initial, "steps_per_epoch": steps_per_epoch, **lengths}
        for name, value in self._config.items():
            setattr(self, name, value)

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Return the rate of a zero-based step, an integer scalar, as a float32 scalar."""
        epoch = tf.cast(step, tf.int64) // self.steps_per_epoch
        return self.initial * self.factor(epoch)

    def factor(self, epoch: tf.Tensor) -> tf.Tensor:
        """Return the factor of a zero-based epoch, int64, as float32."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return dict(self._config)


@keras.saving.register_keras_serializable("cyclegan_tf")
class LinearDecay(_EpochDecay):
    """Keeps the learning rate constant, then lowers it linearly, epoch by epoch.

    In the zero-based epoch e the factor is 1 - max(0, e + 1 - epochs) / (decay_epochs + 1),
    so that the last epoch still has a learning rate above 0.

    Args:
        initial: Learning rate of the first epoch.
        steps_per_epoch: Steps of an epoch.
        epochs: Epochs at the initial rate.
        decay_epochs: Epochs of decay after these.

    Reference:
        The official PyTorch code, which steps at the end of an epoch; Zhu et al.,
        https://arxiv.org/abs/1703.10593, section 4
    """

    def __init__(
        self, initial: float, steps_per_epoch: int, epochs: int, decay_epochs: int
    ) -> None:
        super().__init__(initial, steps_per_epoch, epochs=epochs, decay_epochs=decay_epochs)

    def factor(self, epoch: tf.Tensor) -> tf.Tensor:
        descended = tf.maximum(0.0, tf.cast(epoch, tf.float32) + 1.0 - self.epochs)
        return tf.maximum(0.0, 1.0 - descended / (self.decay_epochs + 1))


@keras.saving.register_keras_serializable("cyclegan_tf")
class StepDecay(_EpochDecay):
    """Divides the learning rate by 10 after every `decay_every` epochs.

    Args:
        initial: Learning rate of the first epoch.
        steps_per_epoch: Steps of an epoch.
        decay_every: Epochs between decays.
    """

    def __init__(self, initial: float, steps_per_epoch: int, decay_every: int) -> None:
        super().__init__(initial, steps_per_epoch, decay_every=decay_every)

    def factor(self, epoch: tf.Tensor) -> tf.Tensor:
        return 0.1 ** tf.cast(epoch // self.decay_every, tf.float32)


@keras.saving.register_keras_serializable("cyclegan_tf")
class CosineDecay(_EpochDecay):
    """Lowers the rate along half a cosine wave, by (1 + cos(pi e / epochs)) / 2 in epoch e.

    Differs from the official code, where the wave spans only the epochs at the full rate and then
    rises again: here it spans the whole run.

    Args:
        initial: Learning rate of the first epoch.
        steps_per_epoch: Steps of an epoch.
        epochs: Total epochs of the run.

    Reference:
        Loshchilov and Hutter, https://arxiv.org/abs/1608.03983, without restarts
    """

    def __init__(self, initial: float, steps_per_epoch: int, epochs: int) -> None:
        super().__init__(initial, steps_per_epoch, epochs=epochs)

    def factor(self, epoch: tf.Tensor) -> tf.Tensor:
        done = tf.minimum(tf.cast(epoch, tf.float32) / self.epochs, 1.0)
        return 0.5 * (1.0 + tf.cos(math.pi * done))
