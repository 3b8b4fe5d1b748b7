"""The image files of a folder, stored individually or packed."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from cyclegan_tf.data.packed import PackedFiles, is_packed
from cyclegan_tf.images.images import find_images


class PictureFiles(Protocol):
    """The images of a folder by name, still encoded.

    Attributes:
        names: Paths relative to the folder, with `/` between the parts, sorted.
        ignored: Number of other files.
    """

    names: Sequence[str]
    ignored: int

    def encoded(self, name: str) -> Path | bytes:
        """Return the path of an image, or its encoded bytes if it is packed.

        Raises:
            UnreadableImageError: If the image is known to be damaged.
            UserError: If its packed file is damaged.
        """
        ...


class FolderFiles:
    """The images below a folder, see `PictureFiles`.

    Raises:
        UserError: If the folder is missing or cannot be listed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.names: Sequence[str]
        self.names, self.ignored = find_images(folder)

    def encoded(self, name: str) -> Path:
        """Return the path of an image."""
        return self._folder / name


def has_folder(path: str | os.PathLike[str]) -> bool:
    """Return whether a folder exists at a path, packed or not."""
    return os.path.isdir(path) or is_packed(Path(path))


def open_folder(path: str | os.PathLike[str]) -> PictureFiles:
    """Open a folder, packed or not.

    Raises:
        UserError: If it is missing, cannot be listed, or its packed files are damaged.
    """
    folder = Path(path)
    return PackedFiles(folder) if not folder.is_dir() and is_packed(folder) else FolderFiles(folder)
