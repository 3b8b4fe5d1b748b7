"""The folder of a run: its files and its lock."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cyclegan_tf.config.config import Config
from cyclegan_tf.errors import UserError
from cyclegan_tf.files import only_process, remove_partial_files, write_atomically
from cyclegan_tf.training.records import step_name


def _in_root(name: str) -> Any:
    return property(lambda files: files.root / name)


@dataclass(frozen=True)
class Workdir:
    """The files of a run.

    Attributes:
        root: The folder that contains all others.
        config: `config.json`, the configuration.
        description: `description.json`, facts for reports that the configuration lacks.
        checkpoints: The folder `checkpoints`.
        logs: The folder `logs`, for TensorBoard.
        samples: The folder `samples`, with `step-NNNNNNNN.png`.
        metrics: `metrics.jsonl`, one line of JSON every `log_every` steps.
        clock: `clock.json`, the training time.
        evaluation: `evaluation.json`, the metrics on the test split.
        gallery: `gallery.png`, test images with their translations.
        report: `report.html`, the report as a page.
    """

    root: Path

    config = _in_root("config.json")
    description = _in_root("description.json")
    checkpoints = _in_root("checkpoints")
    logs = _in_root("logs")
    samples = _in_root("samples")
    metrics = _in_root("metrics.jsonl")
    clock = _in_root("clock.json")
    evaluation = _in_root("evaluation.json")
    gallery = _in_root("gallery.png")
    report = _in_root("report.html")

    def elsewhere(self, data: str = "", step: int | None = None) -> "Workdir":
        """Return the subfolder for the evaluation of other data or another step, if given."""
        names = [re.sub(r"\W+", "_", data).strip("_")] if data else []
        names += [] if step is None else [step_name(step)]
        return Workdir(self.root / "evaluation" / "_".join(names)) if names else self

    def stored_config(self) -> Config | None:
        """Return the configuration of the run in this folder; None if there is no run.

        Raises:
            UserError: If the file is damaged.
        """
        if not self.config.exists():
            return None
        try:
            return Config.from_json(self.config.read_text())
        except (UserError, UnicodeDecodeError) as error:
            raise UserError(f"{self.config} cannot be read: {error}") from error

    def run_config(self) -> Config:
        """Return the configuration of the run in this folder.

        Raises:
            UserError: If there is no run, or the file is damaged.
        """
        config = self.stored_config()
        if config is None:
            raise UserError(f"`workdir={self.root}` is not a run: it has no config.json")
        return config

    def store_config(self, config: Config) -> None:
        """Write the configuration atomically."""
        write_atomically(self.config, config.to_json())

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder for this process; the lock ends with the process.

        Raises:
            UserError: If another process trains here, or a file in the folder cannot be written,
                by this method or by the block.
            OSError: If the block raises it for a file outside the folder.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with only_process(self.root / "lock", f"training in {self.root}"):
                for folder in (self.root, self.samples):
                    remove_partial_files(folder, nested=False)
                yield
        except OSError as error:
            if self._is_elsewhere(error.filename):
                raise
            raise UserError(
                f"cannot write to `workdir={self.root}`: {error}. Saved files are intact; fix "
                "the cause and run the same command again to resume"
            ) from error

    def _is_elsewhere(self, name: object) -> bool:
        """Whether an error names a file outside the folder of the run."""
        if not isinstance(name, str):
            return False
        named, root = Path(name).absolute(), self.root.absolute()
        # Creating the folder may fail at one of its parents.
        return not (named.is_relative_to(root) or root.is_relative_to(named))
