"""The folder of a run: what lies where, and who may write there."""

import contextlib
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock

from cyclegan_tf.config import Config
from cyclegan_tf.errors import UserError
from cyclegan_tf.files import remove_partial_files, write_atomically


@dataclass(frozen=True)
class Workdir:
    """The files of a run."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.json"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def samples(self) -> Path:
        return self.root / "samples"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.jsonl"

    @property
    def clock(self) -> Path:
        return self.root / "clock.json"

    @property
    def evaluation(self) -> Path:
        return self.root / "evaluation.json"

    @property
    def gallery(self) -> Path:
        return self.root / "gallery.png"

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

    def store_config(self, config: Config) -> None:
        """Writes the configuration, whole or not at all."""
        write_atomically(self.config, config.to_json())

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes out; the lock ends with the process that holds it.

        Raises:
            UserError: If another process trains here, or the folder cannot be written: from the
                beginning, or where the block fails to.
        """
        lock = filelock.FileLock(self.root / "lock")
        # Beside the lock, which a second process may empty when it tries to take it.
        holder = self.root / "lock.holder"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
            write_atomically(holder, f"{os.getpid()} on {platform.node()}")
            for folder in (self.root, self.samples):
                remove_partial_files(folder, nested=False)
            yield
        except filelock.Timeout as error:
            name = holder.read_text() if holder.exists() else "of unknown number"
            raise UserError(f"another process ({name}) is training in {self.root}") from error
        except OSError as error:
            raise UserError(
                f"cannot write to --workdir={self.root}: {error}. What was saved is whole: mend "
                "that, and give the same command again"
            ) from error
        finally:
            lock.release()
