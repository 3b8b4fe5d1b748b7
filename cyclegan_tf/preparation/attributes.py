"""Images with attributes: a folder with a CSV file, or a data set of TFDS."""

import csv
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cyclegan_tf.data.tfds_source import find_builder, image_features
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import find_images
from cyclegan_tf.preparation.options import plain

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


@dataclass(frozen=True)
class Described:
    """An encoded image and its attributes.

    Attributes:
        name: Relative path, with `/` between its parts.
        read_bytes: Returns the encoded image.
        attributes: Values by attribute name, normalized by `plain`.
    """

    name: str
    read_bytes: Callable[[], bytes]
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class Collection:
    """Images with attributes.

    Attributes:
        attributes: Names of the attributes.
        count: Number of images.
        pictures: All images, always in the same order.
    """

    attributes: list[str]
    count: int
    pictures: Iterator[Described]


def open_table(folder: Path, table: Path) -> Collection:
    """Open a folder of images and a CSV file with their attributes.

    Args:
        folder: Folder of the images.
        table: CSV file with a header; the first column holds paths relative to the folder, the
            others are attributes.

    Raises:
        UserError: If the table cannot be read, or has a duplicate row or a path that is not an
            image in the folder.
    """
    there = {*find_images(folder)[0]}
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            head, *rows = [row for row in csv.reader(file) if row]
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise UserError(f"{table} is not a table of comma-separated values ({error})") from error
    names = [row[0].strip() for row in rows]
    if short := next((row for row in rows if len(row) != len(head)), None):
        raise UserError(f"{table}: {short[0]} has {len(short)} columns, the header {len(head)}")
    if missing := [name for name in names if name not in there]:
        raise UserError(
            f"{table}: {len(missing)} of {len(names)} images are not in {folder}, the first is "
            f"{missing[0]}; the first column must hold paths relative to that folder"
        )
    if len({*names}) < len(names):
        raise UserError(f"{table} has more than one row for an image")
    attributes = [name.strip() for name in head[1:]]

    def pictures() -> Iterator[Described]:
        for row in rows:
            values = dict(zip(attributes, map(plain, row[1:]), strict=True))
            name = row[0].strip()
            yield Described(name, Path(folder, name).read_bytes, values)

    return Collection(attributes, len(rows), pictures())


def open_tfds(name: str) -> Collection:
    """Open all splits of a data set of TFDS, in sequence.

    Args:
        name: The name in TFDS: `NAME`, `NAME/CONFIG` or `NAME/CONFIG:VERSION`.

    Returns:
        The encoded images. Booleans, integers and labels (by name) are attributes, including
        those in a group of features, such as `attributes` of `celeb_a`.

    Raises:
        UserError: If the data set cannot be opened, or its examples do not have exactly one image.
    """
    builder = find_builder(name)
    features = image_features(builder)
    if len(features) != 1:
        raise UserError(
            f"examples of {builder.info.full_name} must have one image; they have: "
            f"{', '.join(features) or 'none'}"
        )
    return Collection(
        sorted(_attributes(builder.info.features)),
        builder.info.splits.total_num_examples,
        _stored_images(builder, features[0]),
    )


def _attributes(features: Mapping[str, Any]) -> dict[str, tuple[tuple[str, ...], Any]]:
    """Find scalar features, by name: their path in an example, and their type."""
    import tensorflow_datasets as tfds

    found: dict[str, tuple[tuple[str, ...], Any]] = {}
    for name, kind in features.items():
        if isinstance(kind, tfds.features.FeaturesDict):
            found |= {
                inner: ((name, *place), leaf) for inner, (place, leaf) in _attributes(kind).items()
            }
        elif kind.shape == () and kind.np_dtype in (np.bool_, np.int64, np.int32, np.uint8):
            found[name] = ((name,), kind)
    return found


def _stored_images(builder: "tfds.core.DatasetBuilder", feature: str) -> Iterator[Described]:
    import tensorflow_datasets as tfds

    places = _attributes(builder.info.features)
    order = tfds.ReadConfig(interleave_cycle_length=1)
    stored = builder.as_dataset(
        split="all", decoders={feature: tfds.decode.SkipDecoding()}, read_config=order
    )
    for number, example in enumerate(tfds.as_numpy(stored)):
        values = {}
        for name, (place, kind) in places.items():
            value: Any = example
            for step in place:
                value = value[step]
            label = isinstance(kind, tfds.features.ClassLabel) and value >= 0
            values[name] = plain(kind.int2str(int(value)) if label else value)
        encoded = bytes(example[feature])
        read_bytes = partial(bytes, encoded)  # Bound now: `encoded` changes in the loop.
        yield Described(f"{number:06d}{_suffix(encoded)}", read_bytes, values)


def _suffix(encoded: bytes) -> str:
    return ".png" if encoded.startswith(b"\x89PNG") else ".jpg"


def open_collection(data: str, table: str | os.PathLike[str] = "") -> Collection:
    """Open a folder with a CSV file, or `tfds:NAME`.

    Args:
        data: The folder or the data set.
        table: The CSV file; only for a folder.

    Raises:
        UserError: As for `open_table` and `open_tfds`, and if the table is missing or not allowed.
    """
    is_tfds = data.startswith("tfds:")
    if is_tfds == bool(table):
        raise UserError(
            "a folder requires `attributes=FILE.csv`, a data set of TFDS has its own attributes; "
            f"received `data={data}` `attributes={table}`"
        )
    return open_tfds(data.removeprefix("tfds:")) if is_tfds else open_table(Path(data), Path(table))
