"""Safe unpacking of images from untrusted zip files."""

import shutil
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import IMAGE_SUFFIXES
from cyclegan_tf.progress import progress_bar

# Every data set for this package has one of these folders; parent folders are stripped.
_SPLITS = ("trainA", "train")


def unpack(
    archive: Path | BinaryIO,
    folder: Path,
    *,
    max_files: int,
    max_bytes: int,
    progress: bool = True,
) -> int:
    """Unpack the images of a data set from a zip file; other files are skipped.

    All entries are checked before the first is written. Python's zipfile stops reading an entry
    at its declared size and then reports damage, so limiting the declared sizes limits the bytes
    written.

    Args:
        archive: The zip file; may be untrusted.
        folder: Existing empty folder that will contain trainA and so on.
        max_files: Maximum number of entries.
        max_bytes: Maximum total size after unpacking, in bytes.
        progress: Whether to show a progress bar.

    Returns:
        The number of images.

    Raises:
        UserError: If the archive is not a data set, is damaged or exceeds a limit, or if an entry
            is a link, a device or a duplicate, or has an absolute path or a path with `..`.
        OSError: If a file cannot be written.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            wanted = _wanted(opened.infolist(), max_files, max_bytes)
            with progress_bar(total=len(wanted), desc="unpacking", delay=2, shown=progress) as bar:
                for entry, target in wanted:
                    (folder / target).parent.mkdir(parents=True, exist_ok=True)
                    with opened.open(entry) as source, (folder / target).open("xb") as file:
                        shutil.copyfileobj(source, file)
                    bar.update()
            return len(wanted)
    except UserError:
        raise
    # A password, an unsupported compression, or damage.
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, ValueError) as error:
        raise UserError(f"cannot unpack the zip file: {error}") from error


def _wanted(
    entries: list[zipfile.ZipInfo], max_files: int, max_bytes: int
) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """Check all entries, and return the images with their paths in the output."""
    if len(entries) > max_files:
        raise UserError(
            f"the archive has {len(entries)} entries, more than `max_files={max_files}`"
        )
    if (claimed := sum(entry.file_size for entry in entries)) > max_bytes:
        raise UserError(
            f"the archive would be {claimed / 2**30:.2f} GiB unpacked, more than `max_gb="
            f"{max_bytes / 2**30:g}`"
        )
    paths = [_checked(entry) for entry in entries]
    # File systems may be case-insensitive.
    name, times = next(iter(Counter(str(p).lower() for p in paths).most_common(1)), ("", 0))
    if times > 1:
        raise UserError(f"the archive has duplicate entries: {name}")
    root = _root(paths)
    return [
        (entry, path.relative_to(root))
        for entry, path in zip(entries, paths, strict=True)
        if path.is_relative_to(root)
        and path.suffix.lower() in IMAGE_SUFFIXES
        and not entry.is_dir()
        and not any(part.startswith(".") for part in path.parts)
    ]


def _checked(entry: zipfile.ZipInfo) -> PurePosixPath:
    name, path = entry.filename, PurePosixPath(entry.filename)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if "\\" in name or "\0" in name or ":" in name or path.is_absolute() or ".." in path.parts:
        raise UserError(f"the archive is unsafe: {name!r} may point outside the output folder")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UserError(f"the archive is unsafe: {name!r} is a link or a device")
    return path


def _root(paths: list[PurePosixPath]) -> PurePosixPath:
    """Find the folder that contains trainA or train, the outermost if there are several."""

    def parents() -> Iterator[PurePosixPath]:
        for path in paths:
            yield from (parent.parent for parent in path.parents if parent.name in _SPLITS)

    found = min(parents(), key=lambda parent: (len(parent.parts), str(parent)), default=None)
    if found is None:
        raise UserError("the archive holds no data set: it has no folder trainA or train")
    return found
