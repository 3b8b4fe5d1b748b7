"""Files and folders that appear whole or not at all, and who may write them."""

import contextlib
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

import filelock

from cyclegan_tf.errors import UserError


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Names a file in the errors of a block: of a full disk, Python does not say where it is.

    Args:
        path: What the block writes.
    """
    try:
        yield
    except OSError as error:
        if error.errno and not error.filename:
            error.filename = str(path)
        raise


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Lets a file appear whole or not at all; its folder is made as needed.

    Args:
        path: Where to; what lies there is replaced.

    Yields:
        Where to write it: beside its place, under a hidden name that ends in `.partial`. It is
        renamed if the block ends well, and removed if not.

    Raises:
        OSError: If it cannot be written; the error names the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with naming(path):
            yield partial
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def remove_partial_files(folder: Path, nested: bool = True) -> None:
    """Removes the files that processes which were killed left half-written.

    What a process of this machine may still be writing stays, and so do folders: `new_folder`
    looks after its own.

    Args:
        folder: Where to look.
        nested: Whether in the folders below it, too.
    """
    for partial in (folder.rglob if nested else folder.glob)(".*.partial"):
        if partial.is_file() and not _lives(partial.stem.rpartition(".")[2]):
            partial.unlink(missing_ok=True)


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Writes a file beside its place and then renames it; folders are made as needed.

    Args:
        path: Where to; what lies there is replaced.
        content: Text is encoded as UTF-8.

    Raises:
        OSError: If it cannot be written (disk full, no permission). What lay there stays.
    """
    with replacing(Path(path)) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Lets a folder appear whole or not at all, and brought to the disk before it does.

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
        raise UserError(f"{path} is there already; remove it, or give another place")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.absolute().with_name(f".{path.name}.partial")
    lock = partial.with_suffix(".lock")
    with only_process(lock, f"making {path}"):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            yield partial
            for written in [*partial.rglob("*"), partial]:
                _bring_to_disk(written)
            partial.replace(path)
            _bring_to_disk(path.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            lock.unlink(missing_ok=True)


@contextlib.contextmanager
def only_process(lock: Path, doing: str) -> Iterator[None]:
    """Keeps other processes out of a block.

    Args:
        lock: A file that stands for it; what holds it ends with the process, however that ends.
        doing: What the process is said to be doing.

    Raises:
        UserError: If another process, which is named, is inside, or the file system has no locks
            and filelock is too old to do without.
        OSError: If the lock's file cannot be written or locked; the error names it.
    """
    held = filelock.FileLock(lock)
    # Beside the lock, which a second process may empty when it tries to take it.
    holder = lock.with_name(f"{lock.name}.holder")
    try:
        with naming(lock):
            held.acquire(timeout=0)
    except filelock.Timeout as error:
        name = "of unknown number"
        with contextlib.suppress(OSError):  # It may be leaving.
            name = holder.read_text()
        raise UserError(f"another process ({name}) is {doing}") from error
    except NotImplementedError as error:
        raise UserError(
            f"the file system of {lock.parent} has no locks, which keep a second process out; take "
            "another place, or a newer filelock"
        ) from error
    try:
        write_atomically(holder, f"{os.getpid()} on {platform.node()}")
        yield
    finally:
        with contextlib.suppress(OSError):  # As on a disk that has become read-only.
            holder.unlink()
        held.release()


def _lives(process: str) -> bool:
    """Whether a text is the number of a process of this machine."""
    try:
        os.kill(int(process), 0)
    except PermissionError:
        return True
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    return True


def _bring_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
