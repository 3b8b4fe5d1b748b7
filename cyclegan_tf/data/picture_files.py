"""The files of a folder of pictures, whether each lies there by itself or all are packed."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from cyclegan_tf.data.packed import PackedFiles, is_packed
from cyclegan_tf.images.images import find_images


class PictureFiles(Protocol):
    """The pictures of a folder by name, still encoded.

    Attributes:
        names: Their paths below the folder, with `/` between the parts, sorted.
        ignored: How many other files there are.
    """

    names: Sequence[str]
    ignored: int

    def encoded(self, name: str) -> Path | bytes:
        """Gives a picture's file or, where it has none of its own, what that would hold.

        Raises:
            UnreadableImageError: If it is known to be damaged.
            UserError: If what it is packed in is damaged.
        """
        ...


class FolderFiles:
    """The pictures below a folder, see `PictureFiles`.

    Raises:
        UserError: If the folder is missing or cannot be listed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.names: Sequence[str]
        self.names, self.ignored = find_images(folder)

    def encoded(self, name: str) -> Path:
        """Gives a picture's file."""
        return self._folder / name


def has_folder(path: str | os.PathLike[str]) -> bool:
    """Whether there is a folder at a path, as it is or packed."""
    return os.path.isdir(path) or is_packed(Path(path))


def open_folder(path: str | os.PathLike[str]) -> PictureFiles:
    """Opens a folder, as it is or packed.

    Raises:
        UserError: If it is missing, cannot be listed, or what it is packed in is damaged.
    """
    folder = Path(path)
    return PackedFiles(folder) if not folder.is_dir() and is_packed(folder) else FolderFiles(folder)
