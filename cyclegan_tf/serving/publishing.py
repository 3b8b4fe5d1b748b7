"""Publishing versions atomically in a folder that a server watches."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from cyclegan_tf.errors import UserError
from cyclegan_tf.files import new_folder, only_process, write_atomically


@contextlib.contextmanager
def new_version(base: Path, version: int | None = None) -> Iterator[tuple[int, Path]]:
    """Yield a temporary folder for a version, and publish it as `base/VERSION` on success.

    A server loads the folder whose name is the largest number. Therefore the version is written
    under a name that is not a number (see `new_folder`) and then renamed.

    Args:
        base: Folder of the model; created if it does not exist.
        version: Number of the version; None for the next one.

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
    """List the published versions in ascending order."""
    return sorted(int(entry.name) for entry in base.iterdir() if entry.name.isdecimal())


def write_if_missing(path: Path, text: str) -> None:
    """Write a file atomically, unless it exists; users may have edited it."""
    if not path.exists():
        write_atomically(path, text)
