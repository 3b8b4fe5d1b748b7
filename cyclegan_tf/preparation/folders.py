"""Folders that appear whole or not at all."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import filelock

from cyclegan_tf.errors import UserError


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Lets a folder appear whole or not at all.

    Args:
        path: Where to; may lie there already if it is empty.

    Yields:
        Where to fill it: beside its place, under a hidden name that ends in `.partial`. It is
        renamed if the block ends well, and removed if not; what a killed process left is removed
        by the next one.

    Raises:
        UserError: If something lies there already, or another process is making it.
    """
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise UserError(f"{path} is there already; remove it, or give another --output")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.absolute().with_name(f".{path.name}.partial")
    lock = filelock.FileLock(partial.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise UserError(f"another process is making {path}") from error
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        yield partial
        partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
