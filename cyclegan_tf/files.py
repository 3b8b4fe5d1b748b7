"""Writing files whole or not at all."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


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
    """Removes what a process that was killed left half-written.

    Args:
        folder: Where to look.
        nested: Whether in the folders below it, too.
    """
    for partial in (folder.rglob if nested else folder.glob)(".*.partial"):
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
