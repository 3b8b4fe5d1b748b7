"""Writing files whole or not at all."""

import os
from pathlib import Path


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Writes a file beside its place and then renames it; folders are made as needed.

    Args:
        path: Where to; what lies there is replaced.
        content: Text is encoded as UTF-8.

    Raises:
        OSError: If it cannot be written (disk full, no permission). What lay there stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
