"""What is kept of a picture to compare it with all others: a kilobyte instead of its pixels."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from cyclegan_tf.images.images import open_image, read_image, to_pillow

_THUMBNAIL = (16, 16)
# See `near_pairs`. Of avatars of 64 px, 99 % stay above it as JPEG of quality 75, half of them of
# quality 40 or halved, and of 400,000 pairs that differ, 5 are; at 0.95, 88 % and 61.
ALIKE = 0.97
# JPEG leaves a little colour in grey pictures.
_GREY_SPREAD = 4
_BLOCK = 512


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What is kept of a picture.

    Attributes:
        height: In pixels, upright.
        width: The same.
        mode: Of its file, as Pillow calls it: `RGB`, `P`, `CMYK`, `I;16`, ...
        file_digest: Of the file's bytes.
        pixel_digest: Of size and pixels, as training would see them.
        thumbnail: uint8 in [0, 255], shape `(16, 16, 3)`.
    """

    height: int
    width: int
    mode: str
    file_digest: bytes
    pixel_digest: bytes
    thumbnail: np.ndarray

    @property
    def is_grey(self) -> bool:
        """Whether it has no colours, however it is stored."""
        spread = self.thumbnail.max(-1).astype(int) - self.thumbnail.min(-1)
        return bool(spread.max() <= _GREY_SPREAD)


def fingerprint(source: Path | bytes) -> Fingerprint:
    """Reads a picture's file, or what it holds, and takes its fingerprint.

    Raises:
        UnreadableImageError: If it cannot be decoded.
    """
    with open_image(source) as image:
        mode = image.mode
    pixels = read_image(source)
    with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        file_digest = hashlib.sha256()
        while chunk := file.read(2**20):
            file_digest.update(chunk)
    height, width, _ = pixels.shape
    digests = file_digest.digest(), pixel_digest(pixels)
    return Fingerprint(height, width, mode, *digests, thumbnail(pixels))


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Shrinks a picture to what is compared.

    Args:
        image: uint8 in [0, 255], shape `(height, width, 3)`.

    Returns:
        uint8 in [0, 255], shape `(16, 16, 3)`.
    """
    return np.asarray(to_pillow(image).resize(_THUMBNAIL, Image.Resampling.BOX))


def pixel_digest(image: np.ndarray) -> bytes:
    """Returns what pictures with the same size and pixels share.

    Args:
        image: uint8, shape `(height, width, channels)`.
    """
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()


def edges(thumbnails: np.ndarray) -> np.ndarray:
    """Gives what a picture looks like whatever its brightness and contrast: its edges.

    Unlike the bits of a difference hash, they are not at the mercy of noise where a picture is
    plain, as much of a drawing is.

    Args:
        thumbnails: uint8, shape `(pictures, height, width, channels)`.

    Returns:
        Differences of neighbours in rows and in columns, as vectors of length 1 (or 0, of plain
        pictures), float32, shape `(pictures, differences)`.
    """
    values = thumbnails.astype(np.float32)
    rows, columns = (np.diff(values, axis=axis).reshape(len(values), -1) for axis in (1, 2))
    both = np.concatenate([rows, columns], axis=1)
    return both / np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-6)


def near_pairs(prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """Finds pictures that look the same: stored anew, resized, a little brighter or darker.

    Every picture is compared with every other: they are near if the edges of their thumbnails
    have a cosine of `ALIKE` or more. Mirrored pictures and crops are not found.

    Args:
        prints: Of all pictures; 6 kB each are taken meanwhile.

    Yields:
        Numbers of two pictures, the smaller first.
    """
    if not prints:
        return
    vectors = edges(np.stack([print_.thumbnail for print_ in prints]))
    for start in range(0, len(vectors), _BLOCK):
        # Only with what stands behind: each pair once.
        cosines = np.triu(vectors[start : start + _BLOCK] @ vectors[start:].T, k=1)
        for one, other in np.argwhere(cosines >= ALIKE):
            yield start + int(one), start + int(other)
