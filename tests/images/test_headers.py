"""Headers agree with what decoding gives, and metadata fits pictures that were turned upright."""

import struct

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from cyclegan_tf.images.headers import read_header
from cyclegan_tf.images.images import UnreadableImageError, read_image

PICTURE = Image.fromarray(np.arange(20 * 10 * 3, dtype=np.uint8).reshape(20, 10, 3))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_the_size_is_that_of_the_decoded_picture(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = tmp_path / f"x.{suffix}"
    PICTURE.save(path, exif=exif)
    header = read_header(path)
    assert (header.height, header.width) == read_image(path).shape[:2]
    kept = Image.Exif()
    kept.load(header.exif)
    assert ExifTags.Base.Orientation not in kept


def test_thumbnails_do_not_outlive_their_picture(tmp_path):
    # By hand, because not every Pillow writes a thumbnail's tags: one tag of the picture, the
    # place of the next list, and one tag of the thumbnail.
    artist = struct.pack("<HHHL4sL", 1, ExifTags.Base.Artist, 2, 2, b"x", 26)
    compression = struct.pack("<HHHLHHL", 1, ExifTags.Base.Compression, 3, 1, 6, 0, 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<L", 8) + artist + compression
    loaded = Image.Exif()
    loaded.load(exif)
    assert loaded.get_ifd(ExifTags.IFD.IFD1)[ExifTags.Base.Compression] == 6
    path = tmp_path / "x.jpg"
    PICTURE.save(path, exif=exif)
    kept = Image.Exif()
    kept.load(read_header(path).exif)
    assert kept[ExifTags.Base.Artist] == "x"
    assert not kept.get_ifd(ExifTags.IFD.IFD1)


def test_a_profile_is_for_its_own_kind_of_picture(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    PICTURE.save(tmp_path / "x.png", icc_profile=profile)
    header = read_header(tmp_path / "x.png")
    assert header.profile_for(3) == header.profile_for(4) == profile
    assert header.profile_for(1) == header.profile_for(2) == b""


def test_frames_of_animations_only(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert read_header(tmp_path / "x.gif").frames == 3
    frames[0].save(tmp_path / "y.gif")
    assert read_header(tmp_path / "y.gif").frames == 1


@pytest.mark.parametrize("data", [b"", b"no picture"])
def test_what_is_no_picture_is_named(tmp_path, data):
    (tmp_path / "x.jpg").write_bytes(data)
    with pytest.raises(UnreadableImageError, match="x.jpg"):
        read_header(tmp_path / "x.jpg")


def test_damaged_metadata_does_not_cost_the_picture(tmp_path):
    PICTURE.save(tmp_path / "x.jpg", exif=b"Exif\0\0" + b"\xff" * 40)
    header = read_header(tmp_path / "x.jpg")
    assert (header.height, header.width) == read_image(tmp_path / "x.jpg").shape[:2] == (20, 10)
    assert header.exif == b""
