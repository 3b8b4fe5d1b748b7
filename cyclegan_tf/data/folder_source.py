"""Images in folders, and pairing of two folders by file name."""

import logging
import os
import re
from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path, PurePosixPath

import numpy as np

from cyclegan_tf.data.picture_files import open_folder
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import UnreadableImageError

MAX_LOST_FRACTION = 0.25  # Of a domain's images; losing more is likely a mistake.
_NAMED_AT_MOST = 20
_MARKS = "A|B|leftImg8bit|gtFine_labelIds|gtFine_labelTrainIds"
_log = logging.getLogger(__name__)


class FolderSource:
    """The images below a folder, sorted by path; other files are ignored and counted."""

    def __init__(
        self, folder: str | os.PathLike[str], read: Callable[[Path | bytes], np.ndarray]
    ) -> None:
        """List the folder.

        Args:
            folder: The folder, searched recursively; may be packed.
            read: Decodes an image.

        Raises:
            UserError: If the folder is missing, holds no images, or its packed files are damaged.
        """
        self._files = open_folder(folder)
        self.names, ignored = self._files.names, self._files.ignored
        if not self.names:
            raise UserError(f"{folder} holds no images ({ignored} other files)")
        _log.info("%s: %d images, %d other files ignored", folder, len(self.names), ignored)
        self.folder, self._read = folder, read

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> np.ndarray:
        encoded = self._files.encoded(self.names[index])
        try:
            return self._read(encoded)
        except UnreadableImageError as error:
            if isinstance(encoded, Path):  # The message already names the file.
                raise
            path = Path(self.folder, self.names[index])
            raise UnreadableImageError(f"{path}: {error}") from error

    def only(self, names: Sequence[str]) -> "FolderSource":
        """Return the same folder restricted to some of its images, in the given order."""
        chosen = copy(self)
        chosen.names = names
        return chosen


def partners(a: FolderSource, b: FolderSource) -> tuple[FolderSource, FolderSource]:
    """Pair the files of two folders by name, and skip files without a partner.

    Returns:
        Both folders restricted to paired images; the i-th images of both are a pair.

    Raises:
        UserError: If more than a quarter of a folder's images have no partner.
    """
    # If several files share a name, the first one is paired.
    files_a, files_b = (
        dict(zip(reversed(stems(source.names)), reversed(source.names), strict=True))
        for source in (a, b)
    )
    pairs = [(files_a[stem], files_b[stem]) for stem in sorted(files_a.keys() & files_b.keys())]
    kept_a, kept_b = [name for name, _ in pairs], [name for _, name in pairs]
    for source, kept, other in ((a, kept_a, b), (b, kept_b, a)):
        alone = sorted(set(source.names) - set(kept))
        if len(alone) > MAX_LOST_FRACTION * len(source):
            raise UserError(
                f"{len(alone)} of the {len(source)} images in {source.folder} have no partner in "
                f"{other.folder}: {some(alone)}; both images of a pair need the same name, except "
                "for the suffix and an _A or _B before it"
            )
        if alone:
            _log.warning(
                "%s: %d of %d images have no partner in %s and are skipped: %s",
                *(source.folder, len(alone), len(source), other.folder, some(alone)),
            )
    return a.only(kept_a), b.only(kept_b)


def stems(names: Sequence[str]) -> list[str]:
    """Return the part of each file name that a pair shares: no suffix and no domain mark.

    Domain marks are _A and _B, and the marks of Cityscapes.
    """
    return [
        re.sub(rf"_({_MARKS})$", "", str(PurePosixPath(name).with_suffix(""))) for name in names
    ]


def check_unreadable(name: str, bad: Sequence[str], count: int) -> None:
    """Raise an error once too many images have turned out to be unreadable.

    Args:
        name: Name of the domain or folder, for the message.
        bad: Messages for the images that could not be read so far.
        count: Total number of images.

    Raises:
        UserError: If more than `MAX_LOST_FRACTION` of the images are unreadable.
    """
    if len(bad) > MAX_LOST_FRACTION * count:
        raise UserError(
            f"{name}: too many of the {count} images are unreadable, already {len(bad)}: "
            f"{some(bad)}"
        )


def some(names: Sequence[str]) -> str:
    """Join names for a message: the first twenty, and the number of the others."""
    more = len(names) - _NAMED_AT_MOST
    return "; ".join(names[:_NAMED_AT_MOST]) + (f"; and {more} more" if more > 0 else "")
