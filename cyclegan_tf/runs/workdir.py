"""The folder of a run: what lies where, and who may write there."""

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
        root: The folder, which all others lie in.
        config: `config.json`, the configuration.
        description: `description.json`, what reports say that the configuration does not tell.
        checkpoints: The folder `checkpoints`.
        logs: The folder `logs`, for TensorBoard.
        samples: The folder `samples`, with `step-NNNNNNNN.png`.
        metrics: `metrics.jsonl`, a line of JSON for every `log_every` steps.
        clock: `clock.json`, the time that training took.
        evaluation: `evaluation.json`, the figures on the test split.
        gallery: `gallery.png`, test pictures with their translations.
        report: `report.html`, all of it as a page.
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
        """Returns where the figures of other data or another step lie, if one is given."""
        names = [re.sub(r"\W+", "_", data).strip("_")] if data else []
        names += [] if step is None else [step_name(step)]
        return Workdir(self.root / "evaluation" / "_".join(names)) if names else self

    def stored_config(self) -> Config | None:
        """Returns the configuration of the run that lies here, if any.

        Raises:
            UserError: If it is damaged.
        """
        if not self.config.exists():
            return None
        try:
            return Config.from_json(self.config.read_text())
        except (UserError, UnicodeDecodeError) as error:
            raise UserError(f"{self.config} cannot be read: {error}") from error

    def run_config(self) -> Config:
        """Returns the configuration of the run that has to lie here.

        Raises:
            UserError: If there is none, or it is damaged.
        """
        config = self.stored_config()
        if config is None:
            raise UserError(f"`workdir={self.root}` holds no run: there is no config.json")
        return config

    def store_config(self, config: Config) -> None:
        """Writes the configuration, whole or not at all."""
        write_atomically(self.config, config.to_json())

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes out; the lock ends with the process that holds it.

        Raises:
            UserError: If another process trains here, or the folder cannot be written: from the
                beginning, or where the block fails to.
            OSError: That of the block, if it is of a file that lies elsewhere.
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
                f"cannot write to `workdir={self.root}`: {error}. What was saved is whole: mend "
                "that, and give the same command again"
            ) from error

    def _is_elsewhere(self, name: object) -> bool:
        """Whether the file of an error, where it names one, is none of the run."""
        if not isinstance(name, str):
            return False
        named, root = Path(name).absolute(), self.root.absolute()
        # Making the folder may fail at one that it is to lie in.
        return not (named.is_relative_to(root) or root.is_relative_to(named))
