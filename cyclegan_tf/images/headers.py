"""What pictures say of themselves before they are decoded: size, frames, camera and colours."""

import contextlib
import os
from dataclasses import dataclass

from PIL import ExifTags, Image

from cyclegan_tf.images.images import open_image

# Values of the orientation for which a picture lies on its side.
_ON_ITS_SIDE = (5, 6, 7, 8)
# A segment of a JPEG file holds no more.
_MOST_EXIF = 65527


@dataclass(frozen=True)
class Header:
    """What a picture's file says.

    Attributes:
        height: In pixels, of the picture turned upright.
        width: The same.
        frames: How many there are, 1 unless it is an animation.
        exif: What the camera wrote, with the orientation reset, since pictures are turned upright
            when they are read, and without thumbnail. Empty if there is none.
        icc_profile: The profile of its colours. Empty if there is none.
    """

    height: int
    width: int
    frames: int = 1
    exif: bytes = b""
    icc_profile: bytes = b""

    def profile_for(self, channels: int) -> bytes:
        """Returns the profile if it is one for so many channels: grey up to 2, else RGB."""
        space = b"GRAY" if channels <= 2 else b"RGB "
        return self.icc_profile if self.icc_profile[16:20] == space else b""


def read_header(source: str | os.PathLike[str]) -> Header:
    """Reads a picture's header.

    EXIF is kept from JPEG, PNG and WebP; the tags of TIFF say how the file is laid out.

    Raises:
        UnreadableImageError: If there is none.
    """
    with open_image(source) as image:
        exif = Image.Exif()
        if image.format != "TIFF":  # Pillow says a TIFF's size as it is upright.
            with contextlib.suppress(Exception):  # Damaged tags are as good as none.
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
    """Returns the tags of a picture that was turned."""
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
