"""Images of TensorFlow Datasets (TFDS), by number, from any of its file formats."""

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
    import tensorflow_datasets as tfds  # Takes seconds to import.


class TfdsSource:
    """The images of one split of a prepared data set, in the order of its files.

    Most of TFDS' formats only allow sequential reads, so the encoded images are copied once to
    an unnamed temporary file (in `TMPDIR`). It is memory-mapped, so the system can free that
    memory at any time, and it disappears with the process, even if that crashes.
    """

    def __init__(
        self,
        builder: "tfds.core.DatasetBuilder",
        split: str,
        read: Callable[[bytes], np.ndarray],
        feature: str | None = None,
    ) -> None:
        """Copy the split's encoded images.

        Args:
            builder: A prepared data set.
            split: Name of a split that is not empty.
            read: Decodes an image.
            feature: One of `image_features`; by default the only one.

        Raises:
            UserError: If the split is missing or empty, or if `feature` is None and the data set
                does not have exactly one image feature.
        """
        splits = builder.info.splits
        if split not in splits or not splits[split].num_examples:
            raise UserError(
                f"{builder.info.full_name} has no images in the split {split}; "
                f"its splits are {', '.join(splits) or 'none'}"
            )
        if feature is None:
            features = image_features(builder)
            if len(features) != 1:
                raise UserError(
                    f"examples of {builder.info.full_name} must have one image; they have: "
                    f"{', '.join(features) or 'none'}"
                )
            feature = features[0]
        self._read = read
        ends = [0]
        with tempfile.TemporaryFile(prefix="cyclegan_tf-") as spool:
            for encoded in _encoded_images(builder, split, feature):
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
    """List the image features of an example, sorted by name.

    TFDS does not preserve the order in which a data set declares its features.
    """
    import tensorflow_datasets as tfds

    features = dict(builder.info.features)
    return sorted(key for key, kind in features.items() if isinstance(kind, tfds.features.Image))


def find_builder(name: str) -> "tfds.core.DatasetBuilder":
    """Open a data set prepared on this machine, or else download and prepare it.

    Existing archives are used: earlier downloads of TFDS, and files that the user put into
    `downloads/manual` below TFDS' data directory.

    Args:
        name: The name in TFDS: `NAME`, `NAME/CONFIG` or `NAME/CONFIG:VERSION`.

    Raises:
        UserError: If the data set is unknown or cannot be prepared. Without network, this takes
            seconds, and the message says what to do.
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
    """Find the unpacked archive of a configuration of `cycle_gan`, or download and unpack it.

    The form that TFDS prepares lacks the file names, which identify the pairs.

    Args:
        name: `cycle_gan/CONFIG`.

    Returns:
        The folder that holds trainA, trainB, testA and testB.

    Raises:
        UserError: See `find_builder`.
    """
    import tensorflow_datasets as tfds

    with _one_line(f"TFDS cannot open {name}", name):
        _check_name(name)
        builder = tfds.builder(name.split(":")[0])  # Given a version, TFDS would look for files.
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
    """Fail early if an archive is missing and there is no network; TFDS would retry for minutes.

    Raises:
        UserError: If a required file is neither on this machine nor reachable. The message says
            how to provide it by hand.
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
                f"reached; download that file elsewhere and store it as {by_hand}, or unpack it "
                f"and give the folder that holds trainA and trainB as `data`; these need no "
                f"download: {', '.join(BUILTIN_NAMES)}"
            )


def _urls(builder: "tfds.core.DatasetBuilder") -> list[str]:
    """List the URLs that contain the configuration's name, or all URLs if none does."""
    config = builder.builder_config.name if builder.builder_config else ""
    known = builder.url_infos or {}  # None for a data set that declares no downloads.
    return [url for url in known if config in url] or list(known)


def is_reachable(url: str, timeout: float = 5.0) -> bool:
    """Return whether a server sends any response within twice the timeout (seconds)."""
    import requests  # Like TFDS, for the same proxies and certificates.

    answers: list[int] = []

    def ask() -> None:
        with contextlib.suppress(requests.RequestException):
            answers.append(requests.head(url, timeout=timeout).status_code)

    # Resolving the host name has no timeout, so the thread may outlive this call.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(2 * timeout)
    return bool(answers)


def _configs(name: str) -> str:
    """List a data set's configurations for an error message."""
    import tensorflow_datasets as tfds

    with contextlib.suppress(Exception):
        configs = tfds.builder_cls(name.split("/")[0]).builder_configs
        return f" Its configurations: {', '.join(configs)}" if configs else ""
    return ""


def _check_name(name: str) -> None:
    from tensorflow_datasets.core import naming

    if naming.parse_builder_name_kwargs(name)[0].namespace:
        raise ValueError("only data sets of TFDS itself or on this machine are supported")


@contextlib.contextmanager
def _one_line(what: str, configs_of: str = "") -> Iterator[None]:
    """Convert any error of a data set's code, the network or the disk to a `UserError`."""
    try:
        yield
    except Exception as error:
        cause = (str(error).strip() or repr(error)).splitlines()[0]
        raise UserError(f"{what}: {cause}{_configs(configs_of) if configs_of else ''}") from error


def _encoded_images(
    builder: "tfds.core.DatasetBuilder", split: str, feature: str
) -> Iterator[bytes]:
    import tensorflow_datasets as tfds

    decoders = {name: tfds.decode.SkipDecoding() for name in image_features(builder)}
    order = tfds.ReadConfig(interleave_cycle_length=1)  # By default, TFDS interleaves its files.
    try:
        dataset = builder.as_dataset(split=split, decoders=decoders, read_config=order)
        examples = tfds.as_numpy(dataset)
    except NotImplementedError:  # tf.data cannot read ArrayRecord.
        examples = builder.as_data_source(split=split, decoders=decoders)
    for example in examples:
        yield example[feature]
