"""Versions that appear whole or not at all, where a server is watching."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import filelock

from cyclegan_tf.errors import UserError
from cyclegan_tf.files import write_atomically


@contextlib.contextmanager
def new_version(base: Path, version: int | None = None) -> Iterator[tuple[int, Path]]:
    """Gives a folder to write a version into, and publishes it as `base/VERSION` at the end.

    Servers take every folder whose name is a number, and the largest is served. So the version
    is written under a name that is none, brought to the disk, and renamed. If the block
    fails, nothing is published; what a killed process left behind is removed by the next one.

    Args:
        base: The model's folder, made if needed.
        version: The number; None takes the next one.

    Yields:
        The number, and the folder to write into.

    Raises:
        UserError: If the version exists, or another process is writing one.
    """
    base.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(base / ".lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise UserError(f"another process is exporting to {base}") from error
    try:
        for abandoned in base.glob(".tmp-*"):
            shutil.rmtree(abandoned)
        version = max(versions(base), default=0) + 1 if version is None else version
        target, temporary = base / str(version), base / f".tmp-{version}"
        if version in versions(base):
            raise UserError(f"{target} exists; leave --version out to take the next one")
        temporary.mkdir()
        try:
            yield version, temporary
            _bring_to_disk(temporary)
            os.rename(temporary, target)
            _bring_to_disk(base, below=False)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    finally:
        lock.release()


def versions(base: Path) -> list[int]:
    """Lists the published versions, in order."""
    return sorted(int(entry.name) for entry in base.iterdir() if entry.name.isdecimal())


def write_if_missing(path: Path, text: str) -> None:
    """Writes a file, whole or not at all, unless there is one, which may have been edited."""
    if not path.exists():
        write_atomically(path, text)


def _bring_to_disk(folder: Path, below: bool = True) -> None:
    for path in [*(folder.rglob("*") if below else ()), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
