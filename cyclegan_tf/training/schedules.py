"""Learning rates as functions of the step."""

from typing import Any

import keras
import tensorflow as tf


def learning_rate(
    schedule: str, initial: float, steps_per_epoch: int, epochs: int, decay_epochs: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Returns what an optimizer takes as its learning rate.

    Args:
        schedule: `linear` or `constant`.
        initial: The rate of the first epoch.
        steps_per_epoch: Steps of an epoch.
        epochs: Epochs at the initial rate, for `linear`.
        decay_epochs: Epochs of the descent, for `linear`.

    Raises:
        ValueError: If the schedule is unknown.
    """
    if schedule == "constant":
        return initial
    if schedule == "linear":
        return LinearDecay(initial, steps_per_epoch, epochs, decay_epochs)
    raise ValueError(f"`schedule` should be linear or constant. Received: {schedule}")


@keras.saving.register_keras_serializable("cyclegan_tf")
class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Holds the rate for some epochs, then lowers it in equal steps, epoch by epoch.

    In the zero-based epoch e the factor is 1 - max(0, e + 1 - epochs) / (decay_epochs + 1),
    so that the last epoch is not lost at rate zero.

    Args:
        initial: The rate of the first epoch.
        steps_per_epoch: Steps of an epoch.
        epochs: Epochs at the initial rate.
        decay_epochs: Epochs after these.

    Reference:
        The official PyTorch code, where it steps at the end of an epoch; Zhu et al.,
        https://arxiv.org/abs/1703.10593, section 4
    """

    def __init__(
        self, initial: float, steps_per_epoch: int, epochs: int, decay_epochs: int
    ) -> None:
        super().__init__()
        self.initial = initial
        self.steps_per_epoch = steps_per_epoch
        self.epochs = epochs
        self.decay_epochs = decay_epochs

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        epoch = tf.cast(tf.cast(step, tf.int64) // self.steps_per_epoch, tf.float32)
        descended = tf.maximum(0.0, epoch + 1.0 - self.epochs)
        return self.initial * tf.maximum(0.0, 1.0 - descended / (self.decay_epochs + 1))

    def get_config(self) -> dict[str, Any]:
        return {
            "initial": self.initial,
            "steps_per_epoch": self.steps_per_epoch,
            "epochs": self.epochs,
            "decay_epochs": self.decay_epochs,
        }
