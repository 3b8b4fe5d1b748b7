"""Pictures of TensorFlow Datasets (TFDS), by number, from whatever file format they are in."""

import contextlib
import mmap
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cyclegan_tf.config import UserError
from cyclegan_tf.data.builders import BUILTIN_NAMES
from cyclegan_tf.images import read_image

if TYPE_CHECKING:
    import tensorflow_datasets as tfds  # Takes seconds to import: left to where it is needed.


class TfdsSource:
    """The pictures of one split of a prepared data set, in the order of its files.

    Most of TFDS' formats can only be read from the front, so the encoded pictures are copied
    once to an unnamed temporary file (in `TMPDIR`). It is mapped into memory, from where the
    system may drop it at any time, and vanishes with the process, however that ends.
    """

    def __init__(self, builder: "tfds.core.DatasetBuilder", split: str, channels: int) -> None:
        """Copies the split's encoded pictures.

        Args:
            builder: A prepared data set with exactly one picture an example.
            split: One of its splits, not empty.
            channels: Of the pictures given, 1 to 4.

        Raises:
            UserError: If the split is missing or empty, or has no or several pictures an example.
        """
        splits = builder.info.splits
        if split not in splits or not splits[split].num_examples:
            raise UserError(
                f"{builder.info.full_name} has no pictures in the split {split}; "
                f"its splits are {', '.join(splits) or 'none'}"
            )
        self._channels = channels
        ends = [0]
        with tempfile.TemporaryFile(prefix="cyclegan_tf-") as spool:
            for encoded in _encoded_pictures(builder, split):
                ends.append(ends[-1] + spool.write(encoded))
            spool.flush()
            self._bytes = mmap.mmap(spool.fileno(), 0, access=mmap.ACCESS_READ)
        self._ends = np.array(ends)
        self.names: Sequence[str] = [f"{split}[{number}]" for number in range(len(ends) - 1)]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> np.ndarray:
        start, stop = self._ends[index], self._ends[index + 1]
        return read_image(self._bytes[start:stop], self._channels)


def find_builder(name: str) -> "tfds.core.DatasetBuilder":
    """Finds a data set prepared on this machine, else downloads and prepares it.

    Archives that are already on this machine are used: those that TFDS downloaded earlier, and
    those that the user put into `downloads/manual` below TFDS' data directory.

    Args:
        name: As TFDS writes it: `NAME`, `NAME/CONFIG` or `NAME/CONFIG:VERSION`.

    Raises:
        UserError: If there is no such data set or it cannot be prepared; without network,
            within seconds and with what to do.
    """
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core import naming, read_only_builder

    try:
        if naming.parse_builder_name_kwargs(name)[0].namespace:
            raise ValueError("only data sets of TFDS itself or of this machine can be opened")
        try:
            return read_only_builder.builder_from_files(name)
        except tfds.core.DatasetNotFoundError:
            builder = tfds.builder(name)
    except Exception as error:  # Of many types: no such name, a package it needs is missing, ...
        raise UserError(f"TFDS cannot open {name}: {_one_line(error)}{_configs(name)}") from error
    _check_downloads(builder)
    try:
        builder.download_and_prepare()
    except Exception as error:  # From the data set's own code, the network or the disk.
        raise UserError(f"TFDS cannot prepare {name}: {_one_line(error)}") from error
    return builder


def _check_downloads(builder: "tfds.core.DatasetBuilder") -> None:
    """Fails soon where TFDS would retry for minutes: nothing downloaded and no network.

    Raises:
        UserError: If a file the data set needs is neither here nor to be had; it says how to
            bring it by hand.
    """
    from tensorflow_datasets.core.download import resource

    folder = Path(builder.data_dir_root, "downloads")
    config = builder.builder_config.name if builder.builder_config else ""
    known = builder.url_infos or {}  # None for a data set that declares no downloads.
    for url in [url for url in known if config in url] or known:
        expected = known[url]
        by_hand = folder / "manual" / (expected.filename or "")
        downloaded = folder / resource.get_dl_fname(url, expected.checksum)
        if not (by_hand.is_file() or downloaded.is_file() or _reachable(url)):
            raise UserError(
                f"{builder.info.full_name} is not on this machine, and {url} cannot be reached; "
                f"fetch that file elsewhere and store it as {by_hand}, or unpack it and give "
                f"the folder that holds trainA and trainB as --data; no download is needed for "
                f"{', '.join(BUILTIN_NAMES)}"
            )


def _reachable(url: str, timeout: float = 5.0) -> bool:
    """Says whether a server answers, whatever it answers, within twice the timeout (seconds)."""
    import requests  # As TFDS, so that proxies and certificates are found as TFDS finds them.

    answers: list[int] = []

    def ask() -> None:
        with contextlib.suppress(requests.RequestException):
            answers.append(requests.head(url, timeout=timeout).status_code)

    # Looking up the host's name has no timeout, so the thread may be left behind.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(2 * timeout)
    return bool(answers)


def _configs(name: str) -> str:
    """Lists for an error message what may follow `NAME/`, if anything."""
    import tensorflow_datasets as tfds

    with contextlib.suppress(Exception):
        configs = tfds.builder_cls(name.split("/")[0]).builder_configs
        return f" Its configurations: {', '.join(configs)}" if configs else ""
    return ""


def _one_line(error: Exception) -> str:
    return (str(error).strip() or repr(error)).splitlines()[0]


def _encoded_pictures(builder: "tfds.core.DatasetBuilder", split: str) -> Iterator[bytes]:
    import tensorflow_datasets as tfds

    features = dict(builder.info.features)
    images = sorted(key for key, kind in features.items() if isinstance(kind, tfds.features.Image))
    if len(images) != 1:
        found = ", ".join(images) or "none"
        raise UserError(
            f"{builder.info.full_name} must have one picture an example; it has: {found}"
        )
    decoders = {images[0]: tfds.decode.SkipDecoding()}
    order = tfds.ReadConfig(interleave_cycle_length=1)  # By default, TFDS mixes its files.
    try:
        dataset = builder.as_dataset(split=split, decoders=decoders, read_config=order)
        examples = tfds.as_numpy(dataset)
    except NotImplementedError:  # ArrayRecord, which tf.data cannot read.
        examples = builder.as_data_source(split=split, decoders=decoders)
    for example in examples:
        yield example[images[0]]
