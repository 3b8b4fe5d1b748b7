"""The generators of a run that has been trained, rebuilt from its workdir."""

import logging
from dataclasses import dataclass
from pathlib import Path

import keras

from cyclegan_tf import compat
from cyclegan_tf.config.config import Config
from cyclegan_tf.models.autoencoders import label_maps
from cyclegan_tf.runs import assembly, conversion
from cyclegan_tf.runs.workdir import Workdir
from cyclegan_tf.training.checkpoints import Checkpoints

_log = logging.getLogger(__name__)


def load_generators(
    workdir: str | Path, eval_mode: bool | None = None, step: int | None = None
) -> tuple[Config, dict[str, keras.Model]]:
    """Rebuilds the generators of a run and restores their weights.

    Args:
        workdir: Of a run that has written a checkpoint.
        eval_mode: Whether dropout is off and batch norm takes its running averages; None leaves
            it to the run's configuration.
        step: Of the checkpoint to take; None for the newest that is whole.

    Returns:
        The run's configuration, and the generators by direction, `a2b` and for CycleGAN `b2a` (the
        averaged ones if the run keeps them): float32 `(batch, height, width, channels)` in
        [-1, 1] both ways.

    Raises:
        UserError: If there is no run, no such checkpoint, or no readable one.
    """
    restored = restore_generators(workdir, eval_mode, step)
    return restored.config, restored.generators


@dataclass(frozen=True)
class Restored:
    """A run's configuration, its generators by direction, and the step they are of."""

    config: Config
    generators: dict[str, keras.Model]
    step: int


def restore_generators(
    workdir: str | Path, eval_mode: bool | None = None, step: int | None = None
) -> Restored:
    """As `load_generators`, with the step of the checkpoint that the weights are from."""
    files = Workdir(Path(workdir))
    config = files.run_config()
    if eval_mode is not None:
        config = config.replace({"eval_mode": eval_mode})
    generators = assembly.build_generators(config)
    directions = {f"generator_{direction.replace('2', '')}": direction for direction in generators}
    stored = conversion.stored_groups(files, config, directions, step)
    groups = {directions[name]: group for name, group in stored.items()}
    generators = {direction: generators[direction] for direction in groups}
    state = {g: compat.network_state(generators[direction]) for direction, g in groups.items()}
    step = Checkpoints(files.checkpoints, state).restore(step)
    _log.info("restored step %d of %s", step, workdir)
    if assembly.segments(config):
        generators = {direction: label_maps(network) for direction, network in generators.items()}
    return Restored(config, generators, step)
