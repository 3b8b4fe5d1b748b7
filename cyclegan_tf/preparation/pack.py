"""Packing of a data set: stores the unchanged files of its folders in a few large files."""

import contextlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cyclegan_tf.data.folder_source import check_unreadable
from cyclegan_tf.data.packed import Index, checksum
from cyclegan_tf.data.picture_files import PictureFiles, has_folder, open_folder
from cyclegan_tf.data.shards import ShardWriter
from cyclegan_tf.data.sources import PAIRED_SPLITS
from cyclegan_tf.errors import UserError
from cyclegan_tf.files import new_folder
from cyclegan_tf.images.images import UnreadableImageError, read_image
from cyclegan_tf.preparation.check import DOMAINS
from cyclegan_tf.preparation.options import PackOptions
from cyclegan_tf.preparation.parallel import in_order

FOLDERS = (*DOMAINS, *itertools.chain(*PAIRED_SPLITS.values()))


@dataclass(frozen=True)
class Packed:
    """The results of `pack`.

    Attributes:
        counts: Number of images by folder, `trainA` and so on.
        unreadable: Unreadable images, which were skipped, with the error.
        shards: Number of files that hold the images.
    """

    counts: dict[str, int]
    unreadable: list[str]
    shards: int


class _Place(NamedTuple):
    folder: str
    files: PictureFiles
    name: str


def pack(data: Path, output: Path, options: PackOptions, progress: bool = True) -> Packed:
    """Pack each folder of a data set that training uses.

    Every image is decoded once, to skip unreadable files, and stored as the original file.

    Args:
        data: Folder with some of `FOLDERS`; may be packed itself.
        output: New folder, created atomically.
        options: Maximum size of the files.
        progress: Whether to show a progress bar.

    Raises:
        UserError: If there is nothing to pack, more than a quarter of a folder is unreadable,
            `output` already exists, or array_record is missing.
        OSError: If a file cannot be written.
    """
    options = options.validate()
    there = [name for name in FOLDERS if has_folder(data / name)]
    if not there:
        raise UserError(f"{data} holds none of the folders {', '.join(FOLDERS)}")
    opened = {name: open_folder(data / name) for name in there}
    for name, files in opened.items():
        if not files.names:
            raise UserError(f"{data / name} holds no images ({files.ignored} other files)")
    places = [
        _Place(folder, files, name) for folder, files in opened.items() for name in files.names
    ]
    indices = {}
    contents = in_order(_read, places, "packing", len(places), progress)
    with new_folder(output) as target, contextlib.closing(contents):
        pairs = zip(places, contents, strict=True)
        for name, group in itertools.groupby(pairs, lambda pair: pair[0].folder):
            indices[name] = _write(target / name, group, options.shard_mb * 2**20)
    return Packed(
        {name: len(index.pictures) for name, index in indices.items()},
        [
            f"{folder}/{name}: {reason}"
            for folder, index in indices.items()
            for name, reason in index.unreadable.items()
        ],
        sum(len(index.shards) for index in indices.values()),
    )


def _read(place: _Place) -> bytes | str:
    """Return the content of a file, or the error if it is not a readable image."""
    try:
        encoded = place.files.encoded(place.name)
        content = encoded if isinstance(encoded, bytes) else encoded.read_bytes()
        read_image(content)
    except (UnreadableImageError, OSError) as error:
        return str(error)
    return content


def _write(folder: Path, pairs: Iterable[tuple[_Place, bytes | str]], max_bytes: int) -> Index:
    """Write one packed folder."""
    pictures: dict[str, int] = {}
    unreadable: dict[str, str] = {}
    bad: list[str] = []
    with ShardWriter(folder.parent, folder.name, max_bytes) as writer:
        for place, content in pairs:
            if isinstance(content, bytes):
                writer.add(content)
                pictures[place.name] = checksum(place.name, content)
                continue
            unreadable[place.name] = content
            bad.append(f"{place.name}: {content}")
            check_unreadable(folder.name, bad, len(place.files.names))
    index = Index(writer.shards, pictures, unreadable)
    index.write(folder)
    return index
