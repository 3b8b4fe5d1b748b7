"""Checkpoints: everything a run needs to go on as if it had never stopped."""

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

    They are TensorFlow checkpoints of plain variables under names of our own, so both Keras
    generations read them alike, and TensorFlow's checksums reveal damage.

    Args:
        folder: Where they lie; made when the first is saved.
        state: The variables, by group and name.
        keep: How many of the newest stay.
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
        """Writes a checkpoint, then removes those that are no longer kept.

        Args:
            step: Steps taken so far.

        Raises:
            UserError: If it cannot be written, or a variable is not finite; earlier ones are
                untouched.
        """
        self._check_finite(step)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._checkpoint.write(str(self._folder / step_name(step)))
        except (tf.errors.OpError, OSError) as error:
            self._remove_all_but(self.steps())  # What is half-written would fill a full disk.
            raise UserError(
                f"cannot write a checkpoint to {self._folder}: {reason(error)}. Earlier ones are "
                "whole: mend that, and give the same command again"
            ) from error
        # What is newer than this could not be read, or the run would stand there.
        self._remove_all_but([other for other in self.steps() if other <= step][-self._keep :])

    def _check_finite(self, step: int) -> None:
        for group, variables in self._state.items():
            for name, variable in variables.items():
                if variable.dtype.is_floating and not tf.reduce_all(tf.math.is_finite(variable)):
                    raise UserError(
                        f"{group}/{name} is not finite after step {step}, which is not saved; the "
                        "last checkpoint is from before. Try a lower `learning_rate` in another "
                        "`workdir`"
                    )

    def _remove_all_but(self, kept: Collection[int]) -> None:
        """Removes other checkpoints, and what saves that were interrupted have left."""
        names = set(map(step_name, kept))
        files = [f for f in self._folder.glob("step-*") if f.name.partition(".")[0] not in names]
        # Without its index, what is left of a checkpoint is none.
        for file in sorted(files, key=lambda f: f.suffix != ".index"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()

    def steps(self) -> list[int]:
        """Returns the steps of the checkpoints on disk, ascending.

        The index is written last, so a checkpoint without one was interrupted and is none.
        """
        return list(step_files(self._folder, ".index"))

    def restore_latest(self) -> int | None:
        """Restores the newest checkpoint that is whole.

        Returns:
            Its step, or None if there is no checkpoint.

        Raises:
            UserError: If there are checkpoints and none can be read.
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
                "the folder from a copy, or start anew in another `workdir`"
            )
        return None

    def restore(self, step: int | None = None) -> int:
        """Restores the checkpoint of a step, by default the newest that is whole.

        Returns:
            The step.

        Raises:
            UserError: If there is no such checkpoint, or it cannot be read.
        """
        if step is None:
            newest = self.restore_latest()
            if newest is None:
                raise UserError(f"there is no checkpoint in {self._folder}; train first")
            return newest
        steps = self.steps()
        if step not in steps:
            kept = ", ".join(map(str, steps)) or "none"
            raise UserError(
                f"there is no checkpoint of step {step} in {self._folder}; kept are: {kept}"
            )
        self._read(step)
        return step

    def _read(self, step: int) -> None:
        try:
            status = self._checkpoint.read(str(self._folder / step_name(step)))
            # Reading what a run did not have would start it with fresh values, silently.
            status.assert_existing_objects_matched().expect_partial()
        except Exception as error:  # TensorFlow's reader raises almost every type.
            raise UserError(f"checkpoint of step {step} cannot be read: {reason(error)}") from error
