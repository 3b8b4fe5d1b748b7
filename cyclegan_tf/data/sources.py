"""Image sources: folders, TensorFlow Datasets (TFDS), and the built-in data sets.

A source returns decoded images by number, in a stable order, from any kind of storage.
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
    "give either `data`, which is a folder with trainA and trainB (or with train, for pairs A|B "
    f"side by side), {_TFDS}NAME/CONFIG or one of {', '.join(BUILTIN_NAMES)}; or two folders, "
    "`data_a` and `data_b`"
)
_PAIRED_MODELS = "`model=pix2pix` or `model=autoencoder`"
# Splits or folders of data sets that store pairs together; the first that exists is used.
PAIRED_SPLITS = {"train": ("train",), "test": ("test", "val", "validation")}
_Reader = Callable[..., np.ndarray]
_log = logging.getLogger(__name__)


class ImageSource(Protocol):
    """Images by number; `source[i]` is uint8 [0, 255], shape `(height, width, channels)`.

    Reading a damaged image raises `UnreadableImageError`. `names[i]` identifies the i-th image
    in messages: the path relative to the folder, or TFDS' identifier.
    """

    names: Sequence[str]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> np.ndarray: ...


class Sources(NamedTuple):
    """Both domains; `aligned` if the i-th images of `a` and `b` are a pair."""

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
    """Open the two domains of a data set; images are decoded on access.

    With `paired`, the i-th images of both domains are a pair. These forms hold pairs:

    - two folders: files with the same name, ignoring suffixes (and an `_A` or `_B` before
      them); files without a partner are logged and skipped;
    - a folder with `train` (and `test` or `val`) of images A|B side by side;
    - the built-in sets;
    - `cycle_gan` of TFDS, from its archive of two folders;
    - other TFDS data sets whose examples have two images, A and B in the order of their names,
      or one image A|B.

    Without `paired`, only test splits may be aligned: those of folders if all their files pair
    up by name, and those of the built-in sets. `cycle_gan` never is, because TFDS shuffles both
    domains independently when it prepares them.

    Args:
        data: A folder with trainA and trainB (and testA and testB) or with train (and test),
            `tfds:NAME/CONFIG`, or one of `BUILTIN_NAMES`.
        data_a: Instead of `data`, the folder of domain A. This form has no test split.
        data_b: Instead of `data`, the folder of domain B.
        split: `train` or `test`.
        channels_a: Channels of domain A: 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA).
        channels_b: Channels of domain B.
        load_size: The wanted image size in pixels; avatars are rendered at the next larger size
            available.
        paired: Whether the domains must be aligned.
        swap: Whether to swap domains A and B. All other arguments refer to the domains after the
            swap, except `data_a` and `data_b`.
        classes_b: Number of classes, if domain B holds label maps. Its images are then class
            numbers, uint8, shape `(height, width, 1)`. Not needed for the built-in sets in
            `LABELS`.

    Returns:
        The sources, or None if `split` is `test` and the data has no such split.

    Raises:
        UserError: If not exactly one of the two forms is given, or the data is missing, empty or
            incomplete, cannot be downloaded, or lacks the required pairs.
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
    """The left or right halves of images A|B side by side.

    Args:
        source: Images of even width.
        side: 0 for the left, 1 for the right.
    """

    def __init__(self, source: ImageSource, side: int) -> None:
        self.names = source.names
        self._source, self._side = source, side

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return one half of an image.

        Raises:
            UnreadableImageError: If the image cannot be read or has an odd width.
        """
        image = self._source[index]
        width = image.shape[1]
        if width % 2:
            raise UnreadableImageError(
                f"{self.names[index]}: {width} px wide; two halves A|B need an even width"
            )
        # A view would keep the other half in memory.
        return np.split(image, 2, axis=1)[self._side].copy()


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
        wanted += f", or {split} with images A|B side by side"
    elif joined:
        raise UserError(
            f"{joined[0]} without {split}A and {split}B looks like aligned pairs, A|B side by "
            f"side, which need {_PAIRED_MODELS}; for unpaired domains, provide {wanted}"
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
    """Open a data set with one split for each domain."""
    pair = [split + domain for domain in "AB"]
    if split == "test" and not any(name in builder.info.splits for name in pair):
        return None
    a, b = (TfdsSource(builder, *domain) for domain in zip(pair, readers, strict=True))
    return Sources(a, b, aligned)


def _tfds_pairs(
    builder: "tfds.core.DatasetBuilder", split: str, readers: Sequence[_Reader]
) -> Sources | None:
    """Open a data set whose examples are pairs."""
    names = [name for name in PAIRED_SPLITS[split] if name in builder.info.splits]
    if split == "test" and not names:
        return None
    name = names[0] if names else split
    features = image_features(builder)
    if len(features) == 1:
        return _side_by_side(*(TfdsSource(builder, name, read) for read in readers))
    if len(features) != 2:
        raise UserError(
            f"examples of {builder.info.full_name} must have two images, A and B, or one image A|B "
            f"side by side; its images are: {', '.join(features) or 'none'}; its features: "
            f"{', '.join(builder.info.features)}"
        )
    a, b = (TfdsSource(builder, name, *domain) for domain in zip(readers, features, strict=True))
    _log.info("%s: domain A is %s, domain B is %s", builder.info.full_name, *features)
    return Sources(a, b, aligned=True)
