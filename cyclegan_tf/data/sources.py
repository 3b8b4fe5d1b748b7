"""Where pictures come from: folders, TensorFlow Datasets (TFDS), and the built-in sets.

A source gives decoded pictures by number, in a stable order, whatever lies behind it.
"""

import logging
import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from cyclegan_tf.data.builders.catalog import BUILTIN_NAMES, builtin_builder, prepare
from cyclegan_tf.data.builders.features import LABELS
from cyclegan_tf.data.folder_source import FolderSource, partners, stems
from cyclegan_tf.data.picture_files import has_folder
from cyclegan_tf.data.tfds_source import (
    TfdsSource,
    find_archive,
    find_builder,
    image_features,
)
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import UnreadableImageError, read_image, read_labels

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

_TFDS = "tfds:"
_BOTH_WAYS = (
    "give the pictures as `data`, which is a folder with trainA and trainB (or with train, for "
    f"pairs A|B side by side), {_TFDS}NAME/CONFIG or one of {', '.join(BUILTIN_NAMES)}, or as two "
    "folders, `data_a` and `data_b`"
)
_PAIRED_MODELS = "`model=pix2pix` or `model=autoencoder`"
# Where pairs lie in a data set that keeps the pictures of a pair together; the first that is there.
PAIRED_SPLITS = {"train": ("train",), "test": ("test", "val", "validation")}
_Reader = Callable[..., np.ndarray]
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
    paired: bool = False,
    swap: bool = False,
    classes_b: int | None = None,
) -> Sources | None:
    """Opens the two domains of a data set; pictures are decoded when they are asked for.

    With `paired`, the i-th pictures of both domains belong together. These forms hold pairs:

    - two folders: the files whose names agree, suffixes aside (and an `_A` or `_B` before
      them); those without a partner are named in the log and left out;
    - a folder with `train` (and `test` or `val`) of pictures A|B side by side;
    - the built-in sets;
    - `cycle_gan` of TFDS, from its archive, which is two folders;
    - other TFDS data sets with two pictures an example, A and B in the order of their names, or
      with one picture A|B.

    Without it, only test splits may be aligned: those of folders when the sorted names of all
    their files agree, and those of the built-in sets. `cycle_gan` never is, since TFDS shuffles
    the two domains independently when it prepares them.

    Args:
        data: A folder with trainA and trainB (and testA and testB) or with train (and test),
            `tfds:NAME/CONFIG`, or one of `BUILTIN_NAMES`.
        data_a: Instead of `data`, the folder of domain A; such data has no test split.
        data_b: Instead of `data`, the folder of domain B.
        split: `train` or `test`.
        channels_a: Channels of domain A: 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA).
        channels_b: Channels of domain B.
        load_size: The size in pixels that pictures are wanted in; some built-in sets are
            drawn at the next larger size of theirs.
        paired: Whether the domains have to be aligned.
        swap: Whether to exchange the domains. What is said of A and B in the arguments holds
            after that, except for `data_a` and `data_b`.
        classes_b: How many classes there are, if domain B holds label maps. Its pictures come as
            class numbers, uint8, shape `(height, width, 1)`; in the built-in sets of `LABELS`
            they do without it.

    Returns:
        The sources, or None if `split` is `test` and the data has no such split.

    Raises:
        UserError: If the data is not given in exactly one of the two ways, is missing,
            empty or incomplete, cannot be downloaded, or has no pairs where it should.
    """
    if bool(data) == bool(data_a or data_b) or bool(data_a) != bool(data_b):
        given = f"`data={data!r}`, `data_a={data_a!r}`, `data_b={data_b!r}`"
        raise UserError(f"{_BOTH_WAYS}; received {given}")
    readers: list[_Reader] = [
        partial(read_image, channels=channels_a),
        partial(read_labels, classes=classes_b)
        if classes_b
        else partial(read_image, channels=channels_b),
    ]
    if swap:
        readers.reverse()
    if data_a:
        opened = _folders((data_a, data_b), readers, paired) if split == "train" else None
    elif data in BUILTIN_NAMES:
        opened = _builtin(data, load_size, split, readers, paired)
    elif data.startswith(_TFDS):
        opened = _tfds(data.removeprefix(_TFDS), split, readers, paired)
    else:
        opened = _folder(data, split, readers, paired)
    if opened is None or not swap:
        return opened
    return Sources(opened.b, opened.a, opened.aligned)


class Half:
    """The left or right halves of pictures that hold A|B side by side.

    Args:
        source: The pictures, of an even width.
        side: 0 for the left, 1 for the right.
    """

    def __init__(self, source: ImageSource, side: int) -> None:
        self.names = source.names
        self._source, self._side = source, side

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> np.ndarray:
        """Gives a half.

        Raises:
            UnreadableImageError: If the picture cannot be read, or not be halved.
        """
        picture = self._source[index]
        width = picture.shape[1]
        if width % 2:
            raise UnreadableImageError(
                f"{self.names[index]}: {width} px wide, which does not make two halves A|B"
            )
        # A view would keep the other half in memory.
        return np.split(picture, 2, axis=1)[self._side].copy()


def _folder(data: str, split: str, readers: Sequence[_Reader], paired: bool) -> Sources | None:
    if not os.path.isdir(data):
        raise UserError(f"{data} is neither a folder nor a built-in data set; {_BOTH_WAYS}")
    pair = [os.path.join(data, split + domain) for domain in "AB"]
    missing = [folder for folder in pair if not has_folder(folder)]
    if not missing:
        return _folders(pair, readers, paired)
    joined = [os.path.join(data, name) for name in PAIRED_SPLITS[split]]
    joined = [folder for folder in joined if has_folder(folder)]
    if len(missing) == 2 and joined and paired:
        return _side_by_side(*(FolderSource(joined[0], read) for read in readers))
    if len(missing) == 2 and split == "test":
        return None
    wanted = f"the folders {split}A and {split}B"
    if paired:
        wanted += f", or {split} with pictures A|B side by side"
    elif joined:
        raise UserError(
            f"{joined[0]} without {split}A and {split}B looks like aligned pairs, A|B side by "
            f"side, which need {_PAIRED_MODELS}; two unpaired domains lie in {wanted}"
        )
    raise UserError(f"{data} must hold {wanted}; missing: {', '.join(missing)}")


def _folders(folders: Sequence[str], readers: Sequence[_Reader], paired: bool) -> Sources:
    a, b = (FolderSource(*domain) for domain in zip(folders, readers, strict=True))
    if paired:
        return Sources(*partners(a, b), aligned=True)
    return Sources(a, b, aligned=stems(a.names) == stems(b.names))


def _side_by_side(left: ImageSource, right: ImageSource) -> Sources:
    return Sources(Half(left, 0), Half(right, 1), aligned=True)


def _builtin(
    name: str, load_size: int, split: str, readers: Sequence[_Reader], paired: bool
) -> Sources | None:
    if name in LABELS and not paired:
        raise UserError(f"{name} holds pairs, each with a label map, which need {_PAIRED_MODELS}")
    builder = builtin_builder(name, load_size, paired=paired)
    prepare(builder)
    if name in LABELS:
        readers = [readers[0], read_labels]
    if paired:
        return _tfds_pairs(builder, split, readers)
    return _tfds_domains(builder, split, readers, aligned=split == "test")


def _tfds(name: str, split: str, readers: Sequence[_Reader], paired: bool) -> Sources | None:
    if not paired:
        return _tfds_domains(find_builder(name), split, readers, aligned=False)
    if re.split("[/:]", name)[0] == "cycle_gan":
        return _folder(str(find_archive(name)), split, readers, paired)
    return _tfds_pairs(find_builder(name), split, readers)


def _tfds_domains(
    builder: "tfds.core.DatasetBuilder", split: str, readers: Sequence[_Reader], aligned: bool
) -> Sources | None:
    """Opens a data set that has a split for each domain."""
    pair = [split + domain for domain in "AB"]
    if split == "test" and not any(name in builder.info.splits for name in pair):
        return None
    a, b = (TfdsSource(builder, *domain) for domain in zip(pair, readers, strict=True))
    return Sources(a, b, aligned)


def _tfds_pairs(
    builder: "tfds.core.DatasetBuilder", split: str, readers: Sequence[_Reader]
) -> Sources | None:
    """Opens a data set of which each example is a pair."""
    names = [name for name in PAIRED_SPLITS[split] if name in builder.info.splits]
    if split == "test" and not names:
        return None
    name = names[0] if names else split
    features = image_features(builder)
    if len(features) == 1:
        return _side_by_side(*(TfdsSource(builder, name, read) for read in readers))
    if len(features) != 2:
        raise UserError(
            f"an example of {builder.info.full_name} must hold two pictures, A and B, or one with "
            f"A|B side by side; its pictures are: {', '.join(features) or 'none'}; its features: "
            f"{', '.join(builder.info.features)}"
        )
    a, b = (TfdsSource(builder, name, *domain) for domain in zip(readers, features, strict=True))
    _log.info("%s: domain A is %s, domain B is %s", builder.info.full_name, *features)
    return Sources(a, b, aligned=True)
