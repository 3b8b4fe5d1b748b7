"""Image headers, read without decoding: size, frames, EXIF and colour profile."""

import contextlib
import os
from dataclasses import dataclass

from PIL import ExifTags, Image

from cyclegan_tf.images.images import open_image

# EXIF orientations that swap height and width.
_ON_ITS_SIDE = (5, 6, 7, 8)
# Maximum size of a JPEG segment.
_MOST_EXIF = 65527


@dataclass(frozen=True)
class Header:
    """The header of an image file.

    Attributes:
        height: Height of the upright image, in pixels.
        width: Width of the upright image, in pixels.
        frames: Number of frames, 1 unless the file is an animation.
        exif: EXIF data without orientation, because images are rotated upright when read, and
            without thumbnail; may be empty.
        icc_profile: ICC colour profile; may be empty.
    """

    height: int
    width: int
    frames: int = 1
    exif: bytes = b""
    icc_profile: bytes = b""

    def profile_for(self, channels: int) -> bytes:
        """Return the profile if it fits the number of channels: grey up to 2, else RGB."""
        space = b"GRAY" if channels <= 2 else b"RGB "
        return self.icc_profile if self.icc_profile[16:20] == space else b""


def read_header(source: str | os.PathLike[str]) -> Header:
    """Read an image's header.

    EXIF is kept from JPEG, PNG and WebP. The tags of TIFF describe the layout of the file.

    Raises:
        UnreadableImageError: If the file has no readable header.
    """
    with open_image(source) as image:
        exif = Image.Exif()
        if image.format != "TIFF":  # Pillow returns a TIFF's upright size.
            with contextlib.suppress(Exception):  # Damaged tags are ignored.
                exif.load(image.info.get("exif", b""))
        lies = exif.get(ExifTags.Base.Orientation) in _ON_ITS_SIDE
        height, width = image.size if lies else image.size[::-1]
        return Header(
            height,
            width,
            getattr(image, "n_frames", 1) if image.format == "GIF" else 1,
            _upright(exif, height, width),
            image.info.get("icc_profile") or b"",
        )


def _upright(exif: Image.Exif, height: int, width: int) -> bytes:
    """Return the EXIF data of an image after it was rotated upright."""
    if not exif:
        return b""
    exif.pop(ExifTags.Base.Orientation, None)
    details = exif.get_ifd(ExifTags.IFD.Exif)
    for tag, side in (
        (ExifTags.Base.ExifImageHeight, height),
        (ExifTags.Base.ExifImageWidth, width),
    ):
        if tag in details:
            details[tag] = side
    written = exif.tobytes()
    return written if len(written) <= _MOST_EXIF else b""
