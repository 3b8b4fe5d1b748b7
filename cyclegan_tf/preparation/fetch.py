"""The data sets of the CycleGAN paper and others, from a local archive or a download."""

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
_SILENCE = 15.0  # Seconds without data after which a download fails.


@dataclass(frozen=True)
class Known:
    """The URL of a data set's archive, and its SHA-256 in hexadecimal."""

    url: str
    sha256: str


def known_archives() -> dict[str, Known]:
    """Return the archives of TFDS' `cycle_gan` by the names of their data sets."""
    import tensorflow_datasets as tfds

    builder = tfds.builder_cls("cycle_gan")
    return {
        url.rsplit("/", 1)[-1].removesuffix(".zip"): Known(url, info.checksum)
        for url, info in builder.url_infos.items()
    }


def fetch(output: Path, options: FetchOptions, progress: bool = True) -> dict[str, int]:
    """Download and unpack a data set atomically.

    Args:
        output: A new folder.
        options: The data set, its source, and size limits.
        progress: Whether to show progress bars.

    Returns:
        The number of images in each folder, `trainA` and so on.

    Raises:
        UserError: If the name is unknown, the archive is not reachable (reported within seconds),
            does not match its checksum, or is rejected by `unpack`.
        OSError: If a file cannot be written.
    """
    options = options.validate()
    known = known_archives() if options.name else {}
    if options.name and options.name not in known:
        raise UserError(f"unknown data set {options.name!r}; expected {', '.join(sorted(known))}")
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
                    f"the archive has the SHA-256 {actual}, expected {sha256}; it is damaged, "
                    "truncated or another version; `sha256=HEX` sets the expected value"
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
        raise UserError(f"`archive={path}`: file not found")
    with path.open("rb") as file:
        yield file


@contextlib.contextmanager
def _downloaded(url: str, folder: Path, max_bytes: int, progress: bool) -> Iterator[BinaryIO]:
    """Download to an unnamed file, which disappears with the process, even if that crashes."""
    import requests  # Like TFDS, for the same proxies and certificates.

    if not url.startswith(("http://", "https://")):
        raise UserError(f"`url={url}`: expected http:// or https://")
    if not is_reachable(url):
        raise UserError(
            f"{url} cannot be reached; download that file elsewhere and give it as `archive=FILE`, "
            "or another address as `url`"
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
                            raise UserError(f"{url} is larger than `max_gb={max_bytes / 2**30:g}`")
                if length and file.tell() < length and "Content-Encoding" not in answer.headers:
                    raise UserError(f"{url} ended after {file.tell()} of {length} bytes; try again")
        except requests.RequestException as error:
            raise UserError(f"cannot download {url}: {error}") from error
        yield file


def _sha256(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
