"""Writing files whole or not at all."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Lets a file appear whole or not at all; its folder is made as needed.

    Args:
        path: Where to; what lies there is replaced.

    Yields:
        Where to write it: beside its place, under a hidden name that ends in `.partial`. It is
        renamed if the block ends well, and removed if not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
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
