"""Pictures of TensorFlow Datasets (TFDS), by number, from whatever file format they are in."""

import contextlib
import mmap
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cyclegan_tf.data.builders.catalog import BUILTIN_NAMES
from cyclegan_tf.errors import UserError

if TYPE_CHECKING:
    import tensorflow_datasets as tfds  # Takes seconds to import: left to where it is needed.


class TfdsSource:
    """The pictures of one split of a prepared data set, in the order of its files.

    Most of TFDS' formats can only be read from the front, so the encoded pictures are copied
    once to an unnamed temporary file (in `TMPDIR`). It is mapped into memory, from where the
    system may drop it at any time, and vanishes with the process, however that ends.
    """

    def __init__(
        self,
        builder: "tfds.core.DatasetBuilder",
        split: str,
        read: Callable[[bytes], np.ndarray],
        feature: str | None = None,
    ) -> None:
        """Copies the split's encoded pictures.

        Args:
            builder: A prepared data set.
            split: One of its splits, not empty.
            read: Decodes a picture.
            feature: Which of `image_features` to give; by default the only one.

        Raises:
            UserError: If the split is missing or empty, or no feature is given and there is no
                or more than one.
        """
        splits = builder.info.splits
        if split not in splits or not splits[split].num_examples:
            raise UserError(
                f"{builder.info.full_name} has no pictures in the split {split}; "
                f"its splits are {', '.join(splits) or 'none'}"
            )
        if feature is None:
            features = image_features(builder)
            if len(features) != 1:
                raise UserError(
                    f"{builder.info.full_name} must have one picture an example; it has: "
                    f"{', '.join(features) or 'none'}"
                )
            feature = features[0]
        self._read = read
        ends = [0]
        with tempfile.TemporaryFile(prefix="cyclegan_tf-") as spool:
            for encoded in _encoded_pictures(builder, split, feature):
                ends.append(ends[-1] + spool.write(encoded))
            spool.flush()
            self._bytes = mmap.mmap(spool.fileno(), 0, access=mmap.ACCESS_READ)
        self._ends = np.array(ends)
        self.names: Sequence[str] = [f"{split}[{number}]" for number in range(len(ends) - 1)]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> np.ndarray:
        start, stop = self._ends[index], self._ends[index + 1]
        return self._read(self._bytes[start:stop])


def image_features(builder: "tfds.core.DatasetBuilder") -> list[str]:
    """Lists the features of an example that are pictures, by name.

    TFDS does not keep the order in which a data set declares its features.
    """
    import tensorflow_datasets as tfds

    features = dict(builder.info.features)
    return sorted(key for key, kind in features.items() if isinstance(kind, tfds.features.Image))


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
    from tensorflow_datasets.core import read_only_builder

    with _one_line(f"TFDS cannot open {name}", name):
        _check_name(name)
        try:
            return read_only_builder.builder_from_files(name)
        except tfds.core.DatasetNotFoundError:
            builder = tfds.builder(name)
    _check_downloads(builder)
    with _one_line(f"TFDS cannot prepare {name}"):
        builder.download_and_prepare()
    return builder


def find_archive(name: str) -> Path:
    """Finds the unpacked archive of a configuration of `cycle_gan`, else fetches and unpacks it.

    What TFDS prepares of it has lost the names of the files, and with them the pairs.

    Args:
        name: `cycle_gan/CONFIG`.

    Returns:
        The folder that holds trainA, trainB, testA and testB.

    Raises:
        UserError: As for `find_builder`.
    """
    import tensorflow_datasets as tfds

    with _one_line(f"TFDS cannot open {name}", name):
        _check_name(name)
        builder = tfds.builder(name.split(":")[0])  # With a version, TFDS would look for files.
    _check_downloads(builder)
    downloads = Path(builder.data_dir_root, "downloads")
    with _one_line(f"TFDS cannot unpack {name}"):
        manager = tfds.download.DownloadManager(
            download_dir=downloads,
            manual_dir=downloads / "manual",
            url_infos=builder.url_infos,
            dataset_name=builder.name,
        )
        unpacked = Path(manager.download_and_extract(_urls(builder)[0]))
        found = [folder.parent for folder in unpacked.glob("*/trainA")]
        if not found:
            raise ValueError(f"{unpacked} holds no folder trainA")
        return found[0]


def _check_downloads(builder: "tfds.core.DatasetBuilder") -> None:
    """Fails soon where TFDS would retry for minutes: nothing downloaded and no network.

    Raises:
        UserError: If a file the data set needs is neither here nor to be had; it says how to
            bring it by hand.
    """
    from tensorflow_datasets.core.download import resource

    folder = Path(builder.data_dir_root, "downloads")
    for url in _urls(builder):
        expected = builder.url_infos[url]
        by_hand = folder / "manual" / (expected.filename or "")
        name = resource.get_dl_fname(url, expected.checksum)
        downloaded = [folder / name, folder / builder.name / name]  # Versions of TFDS differ.
        here = any(path.is_file() for path in (by_hand, *downloaded))
        if not (here or is_reachable(url)):
            raise UserError(
                f"no archive of {builder.info.full_name} is on this machine, and {url} cannot be "
                f"reached; fetch that file elsewhere and store it as {by_hand}, or unpack it and "
                f"give the folder that holds trainA and trainB as `data`; no download is needed "
                f"for {', '.join(BUILTIN_NAMES)}"
            )


def _urls(builder: "tfds.core.DatasetBuilder") -> list[str]:
    """Lists what a configuration downloads: all URLs, where none bears its name."""
    config = builder.builder_config.name if builder.builder_config else ""
    known = builder.url_infos or {}  # None for a data set that declares no downloads.
    return [url for url in known if config in url] or list(known)


def is_reachable(url: str, timeout: float = 5.0) -> bool:
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


def _check_name(name: str) -> None:
    from tensorflow_datasets.core import naming

    if naming.parse_builder_name_kwargs(name)[0].namespace:
        raise ValueError("only data sets of TFDS itself or of this machine can be opened")


@contextlib.contextmanager
def _one_line(what: str, configs_of: str = "") -> Iterator[None]:
    """Makes a `UserError` of whatever a data set's own code, the network or the disk raises."""
    try:
        yield
    except Exception as error:
        cause = (str(error).strip() or repr(error)).splitlines()[0]
        raise UserError(f"{what}: {cause}{_configs(configs_of) if configs_of else ''}") from error


def _encoded_pictures(
    builder: "tfds.core.DatasetBuilder", split: str, feature: str
) -> Iterator[bytes]:
    import tensorflow_datasets as tfds

    decoders = {name: tfds.decode.SkipDecoding() for name in image_features(builder)}
    order = tfds.ReadConfig(interleave_cycle_length=1)  # By default, TFDS mixes its files.
    try:
        dataset = builder.as_dataset(split=split, decoders=decoders, read_config=order)
        examples = tfds.as_numpy(dataset)
    except NotImplementedError:  # ArrayRecord, which tf.data cannot read.
        examples = builder.as_data_source(split=split, decoders=decoders)
    for example in examples:
        yield example[feature]
