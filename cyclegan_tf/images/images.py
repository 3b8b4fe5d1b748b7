"""Image I/O: safe decoding, atomic writing and value ranges.

An image is `uint8 [0, 255]` outside the networks and `float32 [-1, 1]` inside; only this file
scales between the two. Training, translation and serving all read images here, so the same file
always decodes to the same pixels.
"""

import contextlib
import os
from collections.abc import Callable, Collection, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from cyclegan_tf.errors import UserError
from cyclegan_tf.files import write_atomically

# Imported only where needed, so that reading and writing images does not wait for TensorFlow.
if TYPE_CHECKING:
    import tensorflow as tf

# Maps an image, or a batch of images, to another of the same size; uint8 arrays.
ImageFunction = Callable[[np.ndarray], np.ndarray]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
# The formats of these suffixes. Pillow would also try formats that run other programs (EPS).
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
# Formats that preserve class numbers: JPEG and WebP are lossy, and GIF palettes are renumbered.
_LABEL_FORMATS = ("PNG", "BMP", "TIFF")
# Raw modes of grey whose levels Pillow scales to [0, 255], with the factor.
_SPREAD = {"L;2": 85, "L;4": 17}
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}

# Pillow's warning limit (89 megapixels). A small file may claim a size that exceeds memory.
MAX_PIXELS = 1024**3 // 12


class UnreadableImageError(UserError):
    """Raised for files that are not images, are truncated, or are too large to decode safely."""


def read_image(source: str | os.PathLike[str] | bytes, channels: int = 3) -> np.ndarray:
    """Decode an image of any supported format and colour mode.

    The EXIF rotation is applied. For 1 and 3 channels, transparent pixels are composited over
    white. 16-bit grey values are divided by 257, so that 65535 becomes 255. Floating-point values
    are read as [0, 1], or as [0, 255] if the largest exceeds 1. Only the first frame of an
    animation is read. Colour profiles are not applied.

    Args:
        source: A path, or the encoded bytes.
        channels: 1 for grey, 2 for grey and alpha, 3 for RGB, 4 for RGBA.

    Returns:
        The image, uint8 in [0, 255], shape `(height, width, channels)`.

    Raises:
        UnreadableImageError: If the source is missing, damaged, truncated, of another format,
            or has more than `MAX_PIXELS` pixels (checked in the header, before decoding).
        UserError: If `channels` is not 1 to 4.
    """
    _mode(channels)
    with open_image(source) as image:
        return from_pillow(_loaded(image), channels)


def as_pixels(image: Any, channels: int) -> np.ndarray:
    """Convert a path, PIL image or array to an image array.

    Args:
        image: A path; a PIL image of any mode; or an array, uint8 `(height, width, channels)` in
            [0, 255].
        channels: Number of channels of the result; an array must already have this number.

    Returns:
        uint8 `(height, width, channels)` in [0, 255].

    Raises:
        UnreadableImageError: If a file cannot be read.
        UserError: If the image is of another type, shape or dtype.
    """
    if isinstance(image, (str, os.PathLike)):
        return read_image(image, channels)
    if isinstance(image, Image.Image):
        return from_pillow(_loaded(image), channels)
    if not isinstance(image, np.ndarray):
        kind = type(image).__name__
        raise UserError(f"an image must be an array, a PIL image or a path. Received: {kind}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != channels or not image.size:
        raise UserError(
            f"an image array must be uint8 of shape (height, width, {channels}). "
            f"Received: {image.dtype} of shape {image.shape}"
        )
    return image


def read_labels(source: str | os.PathLike[str] | bytes, classes: int = 256) -> np.ndarray:
    """Decode a label map: a grey or palette image whose levels or indices are class numbers.

    Values are unchanged: palette colours are not looked up, and levels of 1, 2 or 4 bits are not
    scaled to [0, 255].

    Args:
        source: A path, or the encoded bytes.
        classes: Number of classes, numbered from 0.

    Returns:
        Class numbers, uint8, shape `(height, width, 1)`.

    Raises:
        UnreadableImageError: As for `read_image`, and if the image has colours, more than 8 bits,
            an invalid class number, or a format that does not preserve numbers (JPEG, WebP, GIF).
    """

    with open_image(source, _LABEL_FORMATS) as image:
        spread = next(
            (factor for raw, factor in _SPREAD.items() if raw in str(getattr(image, "tile", ""))), 1
        )
        upright = _loaded(image)
        if upright.mode not in ("1", "L", "P"):
            raise ValueError(f"a label map must be 8-bit grey or palette, not {upright.mode}")
        numbers = np.asarray(upright).astype(np.uint8) // spread
        if (highest := int(numbers.max())) >= classes:
            raise ValueError(f"it holds class number {highest}, but there are {classes} classes")
        return numbers[..., np.newaxis]


def find_images(
    folder: str | os.PathLike[str], suffixes: Collection[str] = IMAGE_SUFFIXES
) -> tuple[list[str], int]:
    """List the images below a folder by suffix; hidden files and folders are skipped.

    Args:
        folder: The folder, searched recursively (links to folders are not followed).
        suffixes: Suffixes of images, in lower case.

    Returns:
        The paths relative to `folder`, sorted, with `/` between their parts, and the number
        of other files, which are ignored.

    Raises:
        UserError: If the folder is missing, or it or a subfolder cannot be listed.
    """

    def fail(error: OSError) -> None:
        raise UserError(f"cannot list the folder {error.filename}: {error.strerror}") from error

    found, ignored = [], 0
    for parent, folders, files in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.startswith("."):
                continue
            if Path(name).suffix.lower() in suffixes:
                found.append(Path(parent, name).relative_to(folder).as_posix())
            else:
                ignored += 1
    return sorted(found), ignored


def write_image(
    path: str | os.PathLike[str],
    image: np.ndarray,
    quality: int = 95,
    exif: bytes = b"",
    icc_profile: bytes = b"",
) -> None:
    """Write an image atomically in the format of the path's suffix; missing folders are created.

    Args:
        path: The file, ending in one of `IMAGE_SUFFIXES`.
        image: uint8 in [0, 255], shape `(height, width, channels)`, 1 to 4 channels.
        quality: Quality of JPEG and WebP, 1 to 100.
        exif: EXIF data to store, if the format supports it.
        icc_profile: ICC colour profile to store, if the format supports it.

    Raises:
        UserError: If the suffix is unknown, or its format does not support this kind of image.
        OSError: If the file cannot be written (disk full, no permission).
    """
    path = Path(path)
    file_format = Image.registered_extensions().get(path.suffix.lower())
    if file_format not in _FORMATS:
        kinds = ", ".join(sorted(IMAGE_SUFFIXES))
        raise UserError(f"cannot write {path}: the suffix must be one of {kinds}")
    # Empty values are omitted, because some formats would write them.
    facts = {"exif": exif, "icc_profile": icc_profile}
    known: dict[str, Any] = {name: value for name, value in facts.items() if value}
    if file_format in ("JPEG", "WEBP"):
        known["quality"] = quality
    encoded = BytesIO()
    try:
        to_pillow(image).save(encoded, file_format, **known)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {path}: {error}; .png supports every kind") from error
    write_atomically(path, encoded.getvalue())


def encode_png(image: np.ndarray) -> bytes:
    """Encode an image as PNG; uint8 in [0, 255], shape `(height, width, 1 to 4)`."""
    encoded = BytesIO()
    to_pillow(image).save(encoded, "PNG")
    return encoded.getvalue()


def encode_jpeg(image: np.ndarray, quality: int = 85) -> bytes:
    """Encode an image as JPEG (lossy); uint8 in [0, 255], shape `(height, width, 1 or 3)`."""
    encoded = BytesIO()
    to_pillow(image).save(encoded, "JPEG", quality=quality)
    return encoded.getvalue()


def as_rgb(image: np.ndarray) -> np.ndarray:
    """Convert an image of 1 to 4 channels to RGB; transparent pixels are composited over white.

    Args:
        image: uint8 in [0, 255], shape `(height, width, channels)`.

    Returns:
        uint8 in [0, 255], shape `(height, width, 3)`.
    """
    return np.asarray(_convert(to_pillow(image), "RGB"))


def resize(image: np.ndarray, longer: int) -> np.ndarray:
    """Resize an image (Lanczos), preserving its aspect ratio.

    Args:
        image: uint8 in [0, 255], shape `(height, width, channels)`, 1 to 4 channels.
        longer: Length of the longer side of the result, in pixels.

    Returns:
        uint8 in [0, 255], same number of channels; the shorter side is at least 1.
    """
    height, width, channels = image.shape
    scale = longer / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    resized = to_pillow(image).resize(size, Image.Resampling.LANCZOS)
    return np.asarray(resized).reshape(*size[::-1], channels)


def to_float(images: "tf.Tensor") -> "tf.Tensor":
    """Map uint8 [0, 255] to float32 [-1, 1], any shape."""
    import tensorflow as tf

    return tf.cast(images, tf.float32) / 127.5 - 1.0


def to_uint8(images: "tf.Tensor") -> "tf.Tensor":
    """Map float [-1, 1] to uint8 [0, 255], rounded and clipped, any shape."""
    import tensorflow as tf

    levels = tf.round((tf.cast(images, tf.float32) + 1.0) * 127.5)
    return tf.cast(tf.clip_by_value(levels, 0.0, 255.0), tf.uint8)


@contextlib.contextmanager
def open_image(
    source: str | os.PathLike[str] | bytes, formats: tuple[str, ...] = _FORMATS
) -> Iterator[Image.Image]:
    """Open an image safely, without decoding it.

    Args:
        source: A path, or the encoded bytes.
        formats: Accepted formats, by their names in Pillow.

    Raises:
        UnreadableImageError: If opening the image fails, or anything in the block raises.
    """
    file: BytesIO | str
    if isinstance(source, bytes):
        name, file = f"image of {len(source)} bytes", BytesIO(source)
    else:
        name = file = os.fspath(source)
    try:
        with Image.open(file, formats=formats) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError(f"{image.width}x{image.height} is too large")
            yield image
    except UnidentifiedImageError as error:
        kinds = ", ".join(formats)
        raise UnreadableImageError(f"{name}: not an image of a known format ({kinds})") from error
    except Exception as error:  # On damaged bytes, Pillow's decoders raise almost every type.
        raise UnreadableImageError(f"{name}: cannot be decoded ({error})") from error


def from_pillow(image: Image.Image, channels: int) -> np.ndarray:
    """Convert a PIL image of any mode to uint8 `(height, width, channels)`."""
    pixels = np.asarray(_convert(_eight_bit(image), _mode(channels)))
    return pixels.reshape(*pixels.shape[:2], channels)


def to_pillow(image: np.ndarray) -> Image.Image:
    """Convert uint8 `(height, width, 1 to 4 channels)` to a PIL image."""
    _mode(image.shape[-1])
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else np.ascontiguousarray(image))


def _loaded(image: Image.Image) -> Image.Image:
    """Decode an image completely and apply its EXIF rotation."""
    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # Damaged tags are ignored; Pillow raises several types.
        return image


def _mode(channels: int) -> str:
    if channels not in _MODES:
        raise UserError(
            f"images have 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels, not {channels}"
        )
    return _MODES[channels]


def _eight_bit(image: Image.Image) -> Image.Image:
    """Scale 16-bit, 32-bit and floating-point grey to 8 bits (Pillow would truncate them)."""
    if image.mode == "F":
        values = np.nan_to_num(np.asarray(image))
        values = values * 255.0 if values.max() <= 1.0 else values
    elif image.mode.startswith("I"):
        values = np.asarray(image) / 257.0
    else:
        return image
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def _convert(image: Image.Image, mode: str) -> Image.Image:
    """Convert any 8-bit image to one of `_MODES`; without alpha, over a white background."""
    if mode in ("LA", "RGBA"):
        return image.convert("RGBA").convert(mode)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB").convert(mode)
