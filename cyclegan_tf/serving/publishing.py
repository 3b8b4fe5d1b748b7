"""Versions that appear whole or not at all, where a server is watching."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from cyclegan_tf.errors import UserError
from cyclegan_tf.files import new_folder, only_process, write_atomically


@contextlib.contextmanager
def new_version(base: Path, version: int | None = None) -> Iterator[tuple[int, Path]]:
    """Gives a folder to write a version into, and publishes it as `base/VERSION` at the end.

    Servers take every folder whose name is a number, and the largest is served. So the version
    is written under a name that is none (see `new_folder`) and then renamed.

    Args:
        base: The model's folder, made if needed.
        version: The number; None takes the next one.

    Yields:
        The number, and the folder to write into.

    Raises:
        UserError: If the version exists, or another process is writing one.
    """
    base.mkdir(parents=True, exist_ok=True)
    with only_process(base / ".lock", f"exporting to {base}"):
        version = max(versions(base), default=0) + 1 if version is None else version
        if version in versions(base):
            raise UserError(f"{base / str(version)} exists; leave `version` out for the next one")
        with new_folder(base / str(version)) as folder:
            yield version, folder


def versions(base: Path) -> list[int]:
    """Lists the published versions, in order."""
    return sorted(int(entry.name) for entry in base.iterdir() if entry.name.isdecimal())


def write_if_missing(path: Path, text: str) -> None:
    """Writes a file, whole or not at all, unless there is one, which may have been edited."""
    if not path.exists():
        write_atomically(path, text)
