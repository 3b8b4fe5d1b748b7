"""Checkpoints: the complete state of a run, for resuming it exactly."""

import logging
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

import tensorflow as tf

from cyclegan_tf.errors import UserError, reason
from cyclegan_tf.training.records import step_files, step_name

_log = logging.getLogger(__name__)


class Checkpoints:
    """The checkpoints of one run, newest last, named by their step.

    They are TensorFlow checkpoints of plain variables under Keras-independent names, so that both
    Keras generations can read them. TensorFlow's checksums detect damage.

    Args:
        folder: Folder of the checkpoints; created with the first one.
        state: The variables, by group and name.
        keep: Number of newest checkpoints to keep.
    """

    def __init__(
        self,
        folder: str | Path,
        state: Mapping[str, Mapping[str, tf.Variable]],
        keep: int = 3,
    ) -> None:
        self._folder = Path(folder)
        self._keep = keep
        self._state = state
        self._checkpoint = tf.train.Checkpoint(**{name: dict(v) for name, v in state.items()})

    def save(self, step: int) -> None:
        """Write a checkpoint, then remove old ones.

        Args:
            step: Steps taken so far.

        Raises:
            UserError: If it cannot be written, or a variable is not finite; earlier checkpoints
                are unchanged.
        """
        self._check_finite(step)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._checkpoint.write(str(self._folder / step_name(step)))
        except (tf.errors.OpError, OSError) as error:
            self._remove_all_but(self.steps())  # Half-written files keep the disk full.
            raise UserError(
                f"cannot write a checkpoint to {self._folder}: {reason(error)}. Earlier "
                "checkpoints are intact; fix the cause and run the same command again to resume"
            ) from error
        # Newer checkpoints are damaged: otherwise the run would have resumed from them.
        self._remove_all_but([other for other in self.steps() if other <= step][-self._keep :])

    def _check_finite(self, step: int) -> None:
        for group, variables in self._state.items():
            for name, variable in variables.items():
                if variable.dtype.is_floating and not tf.reduce_all(tf.math.is_finite(variable)):
                    raise UserError(
                        f"{group}/{name} is not finite after step {step}, so no checkpoint of "
                        "this step is saved. Try a lower `learning_rate` in another `workdir`"
                    )

    def _remove_all_but(self, kept: Collection[int]) -> None:
        """Remove other checkpoints, and leftovers of interrupted saves."""
        names = set(map(step_name, kept))
        files = [f for f in self._folder.glob("step-*") if f.name.partition(".")[0] not in names]
        # Index files first: without its index, a checkpoint no longer counts.
        for file in sorted(files, key=lambda f: f.suffix != ".index"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()

    def steps(self) -> list[int]:
        """Return the steps of the checkpoints on disk, ascending.

        The index is written last, so a checkpoint without one is incomplete and does not count.
        """
        return list(step_files(self._folder, ".index"))

    def restore_latest(self) -> int | None:
        """Restore the newest checkpoint that can be read.

        Returns:
            Its step, or None without checkpoints.

        Raises:
            UserError: If checkpoints exist but none can be read.
        """
        steps = self.steps()
        for step in reversed(steps):
            try:
                self._read(step)
                return step
            except UserError as error:
                _log.warning("%s", error)
        if steps:
            raise UserError(
                f"none of the {len(steps)} checkpoints in {self._folder} can be read; restore "
                "the folder from a backup, or start over in another `workdir`"
            )
        return None

    def restore(self, step: int | None = None) -> int:
        """Restore the checkpoint of a step, by default the newest that can be read.

        Returns:
            The step.

        Raises:
            UserError: If the checkpoint does not exist or cannot be read.
        """
        if step is None:
            newest = self.restore_latest()
            if newest is None:
                raise UserError(f"found no checkpoint in {self._folder}; train first")
            return newest
        steps = self.steps()
        if step not in steps:
            kept = ", ".join(map(str, steps)) or "none"
            raise UserError(
                f"found no checkpoint of step {step} in {self._folder}; available steps: {kept}"
            )
        self._read(step)
        return step

    def _read(self, step: int) -> None:
        try:
            status = self._checkpoint.read(str(self._folder / step_name(step)))
            # Otherwise variables that the checkpoint lacks would silently keep initial values.
            status.assert_existing_objects_matched().expect_partial()
        except Exception as error:  # TensorFlow's reader raises almost every type.
            raise UserError(f"checkpoint of step {step} cannot be read: {reason(error)}") from error
