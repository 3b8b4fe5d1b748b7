"""Where pictures come from: folders, TensorFlow Datasets (TFDS), and the built-in sets.

A source gives decoded pictures by number, in a stable order, whatever lies behind it.
"""

import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from cyclegan_tf.config import UserError
from cyclegan_tf.data.builders import BUILTIN_NAMES, builtin_builder, prepare
from cyclegan_tf.data.tfds_source import TfdsSource, find_builder
from cyclegan_tf.images import find_images, read_image

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

_TFDS = "tfds:"
_BOTH_WAYS = (
    f"give the pictures as --data, which is a folder with trainA and trainB, {_TFDS}NAME/CONFIG "
    f"or one of {', '.join(BUILTIN_NAMES)}, or as two folders, --data_a and --data_b"
)
_log = logging.getLogger(__name__)


class ImageSource(Protocol):
    """Pictures by number; `source[i]` is uint8 [0, 255], shape `(height, width, channels)`.

    Reading raises `UnreadableImageError` where the i-th is damaged. `names[i]` says in
    messages which it is: the path below the folder, or TFDS' identifier.
    """

    names: Sequence[str]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> np.ndarray: ...


class Sources(NamedTuple):
    """Both domains; `aligned` if the i-th pictures of `a` and `b` show the same thing."""

    a: ImageSource
    b: ImageSource
    aligned: bool


def open_sources(
    data: str = "",
    data_a: str = "",
    data_b: str = "",
    *,
    split: str = "train",
    channels_a: int = 3,
    channels_b: int = 3,
    load_size: int = 286,
) -> Sources | None:
    """Opens the two domains of a data set; pictures are decoded when they are asked for.

    Folders are aligned when the sorted names of their files agree, suffixes aside (and an
    `_A` or `_B` before them); the built-in sets are in their test split. Other TFDS data
    sets never are: TFDS shuffles the two domains independently when it prepares them.

    Args:
        data: A folder with trainA and trainB (and testA and testB), `tfds:NAME/CONFIG`, or
            one of `BUILTIN_NAMES`.
        data_a: Instead of `data`, the folder of domain A; such data has no test split.
        data_b: Instead of `data`, the folder of domain B.
        split: `train` or `test`.
        channels_a: Channels of domain A: 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA).
        channels_b: Channels of domain B.
        load_size: The size in pixels that pictures are wanted in; some built-in sets are
            drawn at the next larger size of theirs.

    Returns:
        The sources, or None if `split` is `test` and the data has no such split.

    Raises:
        UserError: If the data is not given in exactly one of the two ways, is missing,
            empty or incomplete, or cannot be downloaded.
    """
    channels = (channels_a, channels_b)
    if bool(data) == bool(data_a or data_b) or bool(data_a) != bool(data_b):
        given = f"--data={data!r}, --data_a={data_a!r}, --data_b={data_b!r}"
        raise UserError(f"{_BOTH_WAYS}; received {given}")
    if data_a:
        return _folders((data_a, data_b), channels) if split == "train" else None
    if data in BUILTIN_NAMES:
        builder = builtin_builder(data, load_size)
        prepare(builder)
        return _tfds_splits(builder, split, channels, aligned=split == "test")
    if data.startswith(_TFDS):
        builder = find_builder(data.removeprefix(_TFDS))
        return _tfds_splits(builder, split, channels, aligned=False)
    if not os.path.isdir(data):
        raise UserError(f"{data} is neither a folder nor a built-in data set; {_BOTH_WAYS}")
    pair = [os.path.join(data, split + domain) for domain in "AB"]
    missing = [folder for folder in pair if not os.path.isdir(folder)]
    if missing and split == "test" and len(missing) == 2:
        return None
    if missing:
        wanted = f"{split}A and {split}B"
        raise UserError(f"{data} must hold the folders {wanted}; missing: {', '.join(missing)}")
    return _folders(pair, channels)


class FolderSource:
    """The pictures below a folder, sorted by path; other files are ignored and counted."""

    def __init__(self, folder: str, channels: int) -> None:
        """Lists the folder.

        Args:
            folder: Where to look, nested folders included.
            channels: Of the pictures given, 1 to 4.

        Raises:
            UserError: If the folder is missing or holds no picture.
        """
        found, ignored = find_images(folder)
        self.names: Sequence[str] = found
        if not self.names:
            raise UserError(f"{folder} holds no pictures ({ignored} other files)")
        _log.info("%s: %d pictures, %d other files ignored", folder, len(self.names), ignored)
        self._folder, self._channels = folder, channels

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> np.ndarray:
        return read_image(Path(self._folder, self.names[index]), self._channels)


def _folders(folders: Sequence[str], channels: Sequence[int]) -> Sources:
    a, b = (FolderSource(*domain) for domain in zip(folders, channels, strict=True))
    return Sources(a, b, aligned=_stems(a.names) == _stems(b.names))


def _stems(names: Sequence[str]) -> list[str]:
    return [re.sub(r"_[AB]$", "", str(PurePosixPath(name).with_suffix(""))) for name in names]


def _tfds_splits(
    builder: "tfds.core.DatasetBuilder", split: str, channels: Sequence[int], aligned: bool
) -> Sources | None:
    pair = [split + domain for domain in "AB"]
    if split == "test" and not any(name in builder.info.splits for name in pair):
        return None
    a, b = (TfdsSource(builder, *domain) for domain in zip(pair, channels, strict=True))
    return Sources(a, b, aligned)
