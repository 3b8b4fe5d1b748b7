"""Packed folders: the unchanged files of a folder, stored in a few large files, read by name.

The folder `DIR/trainA`, when packed, is an index, `DIR/trainA.packed.json`, and shards next to
it. Unreadable images are not stored, but the index lists their names, so that pairing, order and
messages stay the same as for the original folder.
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
    """The index of a packed folder.

    Attributes:
        shards: The shards, in the order of their records.
        pictures: Checksums of the images by name, in the order of the records.
        unreadable: Reasons why other files were skipped, by name.
    """

    shards: list[Shard]
    pictures: dict[str, int]
    unreadable: dict[str, str]

    def write(self, folder: Path) -> None:
        """Write the index of a packed folder."""
        write_atomically(_index_path(folder), json.dumps({"format": _FORMAT, **asdict(self)}))

    @classmethod
    def read(cls, folder: Path) -> "Index":
        """Read the index of a packed folder.

        Raises:
            UserError: If it is damaged or of another format.
        """
        path = _index_path(folder)
        try:
            found = json.loads(path.read_text())
            if found["format"] != _FORMAT:
                raise ValueError(f"its format is {found['format']!r}, expected {_FORMAT!r}")
            shards = [Shard(**shard) for shard in found["shards"]]
            index = cls(shards, dict(found["pictures"]), dict(found["unreadable"]))
            if sum(shard.records for shard in shards) != len(index.pictures):
                raise ValueError("it lists more or fewer names than its shards hold records")
            return index
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path} is damaged or not an index of packed images; copy or pack the data "
                f"set again ({error})"
            ) from error


def is_packed(folder: Path) -> bool:
    """Return whether the packed form of a folder exists."""
    return _index_path(folder).is_file()


def checksum(name: str, content: bytes) -> int:
    """Return a CRC-32 of a file's name and content."""
    return zlib.crc32(content, zlib.crc32(os.fsencode(name)))


class PackedFiles:
    """The images of a packed folder, see `picture_files.PictureFiles`.

    Args:
        folder: Path of the original folder.

    Raises:
        UserError: If the index or a shard is missing, damaged or truncated.
    """

    ignored = 0

    def __init__(self, folder: Path) -> None:
        self._folder, self._index = folder, Index.read(folder)
        self.names: Sequence[str] = sorted([*self._index.pictures, *self._index.unreadable])
        self._numbers = {name: number for number, name in enumerate(self._index.pictures)}
        self._records = Records(folder.parent, self._index.shards)

    def encoded(self, name: str) -> bytes:
        """Return a file's original content.

        Raises:
            UnreadableImageError: If the file was skipped during packing.
            UserError: If the shard is damaged.
        """
        if name in self._index.unreadable:
            raise UnreadableImageError(
                f"{self._folder / name}: skipped when packed: {self._index.unreadable[name]}"
            )
        number = self._numbers[name]
        try:
            content = self._records[number]
            if checksum(name, content) != self._index.pictures[name]:
                raise RuntimeError("its checksum differs from the index")
        except RuntimeError as error:
            raise UserError(
                f"{self._records.path(number)} is damaged at {name}; copy or pack the data set "
                f"again ({error})"
            ) from error
        return content


def _index_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.packed.json")
