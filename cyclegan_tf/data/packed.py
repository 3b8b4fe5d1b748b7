"""Packed folders: the files of one, as they are, in a few large ones that are read by name.

The folder `DIR/trainA`, when it is packed, is an index, `DIR/trainA.packed.json`, and shards
beside it. Of files that were no readable pictures, only the names are kept, so that everything
that goes by names (pairs, order, messages) goes as it did before.
"""

import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cyclegan_tf.data.shards import Records, Shard
from cyclegan_tf.errors import UserError
from cyclegan_tf.files import write_atomically
from cyclegan_tf.images.images import UnreadableImageError

_FORMAT = "cyclegan_tf packed folder 1"


@dataclass(frozen=True)
class Index:
    """What a packed folder holds.

    Attributes:
        shards: The files, in the order of their records.
        pictures: Checksums by name, in the order of the records.
        unreadable: Why other files were left out, by name.
    """

    shards: list[Shard]
    pictures: dict[str, int]
    unreadable: dict[str, str]

    def write(self, folder: Path) -> None:
        """Writes the index of a packed folder."""
        write_atomically(_index_path(folder), json.dumps({"format": _FORMAT, **asdict(self)}))

    @classmethod
    def read(cls, folder: Path) -> "Index":
        """Reads the index of a packed folder.

        Raises:
            UserError: If it is damaged, or none.
        """
        path = _index_path(folder)
        try:
            found = json.loads(path.read_text())
            if found["format"] != _FORMAT:
                raise ValueError(f"its format is {found['format']!r}, expected {_FORMAT!r}")
            shards = [Shard(**shard) for shard in found["shards"]]
            index = cls(shards, dict(found["pictures"]), dict(found["unreadable"]))
            if sum(shard.records for shard in shards) != len(index.pictures):
                raise ValueError("it has not as many names as its shards have records")
            return index
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path} is no index of packed pictures, or damaged: copy or pack the data set "
                f"again ({error})"
            ) from error


def is_packed(folder: Path) -> bool:
    """Whether a folder, which is not there itself, is there packed."""
    return _index_path(folder).is_file()


def checksum(name: str, content: bytes) -> int:
    """Returns what ties a file to its name."""
    return zlib.crc32(content, zlib.crc32(os.fsencode(name)))


class PackedFiles:
    """The pictures of a packed folder, see `picture_files.PictureFiles`.

    Args:
        folder: As it was called when it was none yet packed.

    Raises:
        UserError: If the index or a shard is missing, damaged or cut off.
    """

    ignored = 0

    def __init__(self, folder: Path) -> None:
        self._folder, self._index = folder, Index.read(folder)
        self.names: Sequence[str] = sorted([*self._index.pictures, *self._index.unreadable])
        self._numbers = {name: number for number, name in enumerate(self._index.pictures)}
        self._records = Records(folder.parent, self._index.shards)

    def encoded(self, name: str) -> bytes:
        """Gives a file's content, the same as when it was packed.

        Raises:
            UnreadableImageError: If it was left out.
            UserError: If it is damaged.
        """
        if name in self._index.unreadable:
            raise UnreadableImageError(
                f"{self._folder / name}: left out when packed: {self._index.unreadable[name]}"
            )
        number = self._numbers[name]
        try:
            content = self._records[number]
            if checksum(name, content) != self._index.pictures[name]:
                raise RuntimeError("another checksum than in the index")
        except RuntimeError as error:
            raise UserError(
                f"{self._records.path(number)} is damaged at {name}: copy or pack the data set "
                f"again ({error})"
            ) from error
        return content


def _index_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.packed.json")
