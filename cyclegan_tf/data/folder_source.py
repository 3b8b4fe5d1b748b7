"""Pictures in folders, and which files of two folders belong together."""

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

MAX_LOST_FRACTION = 0.25  # Of a domain's pictures; with more, it is not what the user meant.
_NAMED_AT_MOST = 20
_MARKS = "A|B|leftImg8bit|gtFine_labelIds|gtFine_labelTrainIds"
_log = logging.getLogger(__name__)


class FolderSource:
    """The pictures below a folder, sorted by path; other files are ignored and counted."""

    def __init__(
        self, folder: str | os.PathLike[str], read: Callable[[Path | bytes], np.ndarray]
    ) -> None:
        """Lists the folder.

        Args:
            folder: Where to look, nested folders included; may be packed.
            read: Decodes a picture.

        Raises:
            UserError: If the folder is missing, holds no picture, or what it is packed in is
                damaged.
        """
        self._files = open_folder(folder)
        self.names, ignored = self._files.names, self._files.ignored
        if not self.names:
            raise UserError(f"{folder} holds no pictures ({ignored} other files)")
        _log.info("%s: %d pictures, %d other files ignored", folder, len(self.names), ignored)
        self.folder, self._read = folder, read

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> np.ndarray:
        encoded = self._files.encoded(self.names[index])
        try:
            return self._read(encoded)
        except UnreadableImageError as error:
            if isinstance(encoded, Path):  # Whose name is said already.
                raise
            path = Path(self.folder, self.names[index])
            raise UnreadableImageError(f"{path}: {error}") from error

    def only(self, names: Sequence[str]) -> "FolderSource":
        """Gives the same folder with some of its pictures, in the order given."""
        chosen = copy(self)
        chosen.names = names
        return chosen


def partners(a: FolderSource, b: FolderSource) -> tuple[FolderSource, FolderSource]:
    """Pairs the files of two folders by their names, and leaves out those without a partner.

    Returns:
        Both folders with as many pictures, of which the i-th belong together.

    Raises:
        UserError: If more than a quarter of a folder have no partner.
    """
    # Of several with one name, the first has the partner.
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
                f"{len(alone)} of the {len(source)} pictures in {source.folder} have no partner in "
                f"{other.folder}: {some(alone)}; the pictures of a pair need the same name, but "
                "for the suffix and an _A or _B before it"
            )
        if alone:
            _log.warning(
                "%s: %d of %d pictures have no partner in %s and are left out: %s",
                *(source.folder, len(alone), len(source), other.folder, some(alone)),
            )
    return a.only(kept_a), b.only(kept_b)


def stems(names: Sequence[str]) -> list[str]:
    """Gives what names of pictures have to agree in: all but the suffix and a domain's mark.

    That is _A or _B, or what Cityscapes writes there.
    """
    return [
        re.sub(rf"_({_MARKS})$", "", str(PurePosixPath(name).with_suffix(""))) for name in names
    ]


def check_unreadable(name: str, bad: Sequence[str], count: int) -> None:
    """Checks, while pictures are read, that not too many of them could not be.

    Args:
        name: Of what is read.
        bad: What is wrong with those that could not be read so far.
        count: Pictures altogether.

    Raises:
        UserError: If they are more than `MAX_LOST_FRACTION`.
    """
    if len(bad) > MAX_LOST_FRACTION * count:
        raise UserError(
            f"{name}: too many of the {count} pictures are unreadable, already {len(bad)}: "
            f"{some(bad)}"
        )


def some(names: Sequence[str]) -> str:
    """Joins names for a message, the first twenty and the number of the others."""
    more = len(names) - _NAMED_AT_MOST
    return "; ".join(names[:_NAMED_AT_MOST]) + (f"; and {more} more" if more > 0 else "")
