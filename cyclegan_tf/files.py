"""Atomic writing of files and folders, and locks between processes."""

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
    """Add a file name to an `OSError` without one, such as the error of a full disk.

    Args:
        path: The file that the block writes.
    """
    try:
        yield
    except OSError as error:
        if error.errno and not error.filename:
            error.filename = str(path)
        raise


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file atomically; missing folders are created.

    Args:
        path: Final path; an existing file is replaced.

    Yields:
        The path to write to: a hidden file in the same folder that ends in `.partial`. It is
        renamed if the block succeeds, and removed if it fails.

    Raises:
        OSError: If the file cannot be written; the error names the file.
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
    """Remove partial files that killed processes left behind.

    Partial files of processes still running on this machine are kept. Partial folders are
    handled by `new_folder`.

    Args:
        folder: The folder to clean.
        nested: Whether to include its subfolders.
    """
    for partial in (folder.rglob if nested else folder.glob)(".*.partial"):
        if partial.is_file() and not _lives(partial.stem.rpartition(".")[2]):
            partial.unlink(missing_ok=True)


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a file atomically; missing folders are created.

    Args:
        path: The file; an existing one is replaced.
        content: Bytes, or text to encode as UTF-8.

    Raises:
        OSError: If it cannot be written (disk full, no permission). An existing file is kept.
    """
    with replacing(Path(path)) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Create a folder atomically, after flushing its files to disk.

    Args:
        path: Final path; may be an existing empty folder.

    Yields:
        The folder to fill: a hidden folder beside `path` that ends in `.partial`. It is renamed
        if the block succeeds, and removed if it fails. The next call removes what a killed
        process left behind.

    Raises:
        UserError: If `path` already exists and is not empty, or another process is creating it.
    """
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise UserError(f"{path} already exists; remove it, or choose another path")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.absolute().with_name(f".{path.name}.partial")
    lock = partial.with_suffix(".lock")
    with only_process(lock, f"creating {path}"):
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
    """Lock a block so that only one process can enter it.

    Args:
        lock: The lock file. The lock is released when the process ends, even if it crashes.
        doing: What the block does, for the error in other processes, such as `creating PATH`.

    Raises:
        UserError: If another process (named in the message) holds the lock, or if the file system
            has no locks and filelock is too old to work without them.
        OSError: If the lock file cannot be written or locked; the error names it.
    """
    held = filelock.FileLock(lock)
    # A separate file, because a second process may truncate the lock file while trying to lock it.
    holder = lock.with_name(f"{lock.name}.holder")
    try:
        with naming(lock):
            held.acquire(timeout=0)
    except filelock.Timeout as error:
        name = "of unknown ID"
        with contextlib.suppress(OSError):  # The process may be exiting.
            name = holder.read_text()
        raise UserError(f"another process ({name}) is {doing}") from error
    except NotImplementedError as error:
        raise UserError(
            f"the file system of {lock.parent} does not support locks, which keep other processes "
            "out; choose another path, or install a newer filelock"
        ) from error
    try:
        write_atomically(holder, f"{os.getpid()} on {platform.node()}")
        yield
    finally:
        with contextlib.suppress(OSError):  # For example if the disk has become read-only.
            holder.unlink()
        held.release()


def _lives(process: str) -> bool:
    """Return whether a text is the ID of a running process on this machine."""
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
