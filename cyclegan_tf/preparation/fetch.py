"""The classic data sets of CycleGAN, from an archive on disk or over the network."""

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cyclegan_tf.data.tfds_source import is_reachable
from cyclegan_tf.errors import UserError
from cyclegan_tf.files import new_folder
from cyclegan_tf.images.images import find_images
from cyclegan_tf.preparation.archives import unpack
from cyclegan_tf.preparation.options import FetchOptions
from cyclegan_tf.progress import progress_bar

_CHUNK = 2**20
_SILENCE = 15.0  # Seconds without a byte, after which a download has failed.


@dataclass(frozen=True)
class Known:
    """Where a data set's archive is to be had, and its SHA-256 in hexadecimal."""

    url: str
    sha256: str


def known_archives() -> dict[str, Known]:
    """Lists the classic data sets by name: those that TFDS knows as `cycle_gan`."""
    import tensorflow_datasets as tfds

    builder = tfds.builder_cls("cycle_gan")
    return {
        url.rsplit("/", 1)[-1].removesuffix(".zip"): Known(url, info.checksum)
        for url, info in builder.url_infos.items()
    }


def fetch(output: Path, options: FetchOptions, progress: bool = True) -> dict[str, int]:
    """Unpacks a data set into a folder, which appears whole or not at all.

    Args:
        output: A new folder.
        options: Which data set, from where, and what it may take.
        progress: Whether to show bars.

    Returns:
        The number of pictures in each of its folders, `trainA` and so on.

    Raises:
        UserError: If the name is unknown, the archive cannot be had (without network, within
            seconds), is another one than its checksum says, or is refused by `unpack`.
        OSError: If it cannot be written.
    """
    options = options.validate()
    known = known_archives() if options.name else {}
    if options.name and options.name not in known:
        raise UserError(f"unknown data set {options.name!r}; known are {', '.join(sorted(known))}")
    wanted = known.get(options.name) or Known(options.url, "")
    sha256 = (options.sha256 or wanted.sha256).lower()
    max_bytes = int(options.max_gb * 2**30)
    with new_folder(output) as folder:
        source = (
            _on_disk(Path(options.archive))
            if options.archive
            else _downloaded(options.url or wanted.url, output.parent, max_bytes, progress)
        )
        with source as archive:
            if sha256 and (actual := _sha256(archive)) != sha256:
                raise UserError(
                    f"the archive has the SHA-256 {actual}, expected {sha256}: it is damaged, cut "
                    "off or another one; `sha256=HEX` says what is expected"
                )
            archive.seek(0)
            unpack(
                archive,
                folder,
                max_files=options.max_files,
                max_bytes=max_bytes,
                progress=progress,
            )
        inner = sorted(path for path in folder.iterdir() if path.is_dir())
        return {path.name: len(find_images(path)[0]) for path in inner}


@contextlib.contextmanager
def _on_disk(path: Path) -> Iterator[BinaryIO]:
    if not path.is_file():
        raise UserError(f"`archive={path}`: there is no such file")
    with path.open("rb") as file:
        yield file


@contextlib.contextmanager
def _downloaded(url: str, folder: Path, max_bytes: int, progress: bool) -> Iterator[BinaryIO]:
    """Downloads to a file without name, which vanishes with the process however that ends."""
    import requests  # As TFDS, so that proxies and certificates are found as TFDS finds them.

    if not url.startswith(("http://", "https://")):
        raise UserError(f"`url={url}`: expected http:// or https://")
    if not is_reachable(url):
        raise UserError(
            f"{url} cannot be reached; fetch that file elsewhere and give it as `archive=FILE`, or "
            "another address as `url`"
        )
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            with requests.get(url, stream=True, timeout=_SILENCE) as answer:
                answer.raise_for_status()
                length = int(answer.headers.get("Content-Length", 0)) or None
                bar_options: dict[str, Any] = {
                    "unit": "B",
                    "unit_scale": True,
                    "delay": 2,
                    "shown": progress,
                }
                with progress_bar(desc="downloading", total=length, **bar_options) as bar:
                    for chunk in answer.iter_content(_CHUNK):
                        bar.update(file.write(chunk))
                        if file.tell() > max_bytes:
                            raise UserError(f"{url} gives more than `max_gb={max_bytes / 2**30:g}`")
                if length and file.tell() < length and "Content-Encoding" not in answer.headers:
                    raise UserError(f"{url} ended after {file.tell()} of {length} bytes; try again")
        except requests.RequestException as error:
            raise UserError(f"{url} cannot be downloaded: {error}") from error
        yield file


def _sha256(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
