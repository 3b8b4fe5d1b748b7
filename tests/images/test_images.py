"""Pictures in and out, against answers known by thought."""

import os
import struct
import zlib
from io import BytesIO
from warnings import catch_warnings, simplefilter

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from cyclegan_tf.errors import UserError
from cyclegan_tf.images import images

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
RED, WHITE = (255, 0, 0), (255, 255, 255)


def encode(picture, file_format, **options):
    buffer = BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def noise(height=40, width=60, channels=3):
    shape = (height, width, channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("file_format", FORMATS)
def test_each_format_is_read_in_colour(file_format):
    halves = np.zeros((32, 64, 3), np.uint8)
    halves[:, :32] = RED
    halves[:, 32:] = (0, 128, 255)
    read = images.read_image(encode(Image.fromarray(halves), file_format))
    assert read.dtype == np.uint8 and read.shape == (32, 64, 3)
    away_from_the_edge = np.r_[0:24, 40:64]
    error = np.abs(read.astype(int) - halves)[:, away_from_the_edge]
    assert error.max() <= (4 if file_format in ("JPEG", "WEBP") else 0)


# EXIF orientation o, and how the stored picture has to be changed to stand upright.
UPRIGHT = {
    1: lambda x: x,
    2: np.fliplr,
    3: lambda x: np.rot90(x, 2),
    4: np.flipud,
    5: lambda x: x.transpose(1, 0, 2),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x, 2).transpose(1, 0, 2),
    8: lambda x: np.rot90(x, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("file_format", ("PNG", "TIFF", "WEBP"))
def test_the_cameras_rotation_is_applied(orientation, file_format):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True, "exact": True} if file_format == "WEBP" else {}
    encoded = encode(Image.fromarray(noise(2, 3)), file_format, exif=exif, **options)
    np.testing.assert_array_equal(images.read_image(encoded), UPRIGHT[orientation](noise(2, 3)))


def test_a_rotated_jpeg_stands_upright():
    wide = np.zeros((16, 48, 3), np.uint8)
    wide[:, :16] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # The stored left is the top.
    upright = images.read_image(encode(Image.fromarray(wide), "JPEG", exif=exif))
    assert upright.shape == (48, 16, 3)
    assert upright[:12].min() > 240 and upright[20:].max() < 15


@pytest.mark.parametrize("file_format", ("PNG", "TIFF"))
def test_sixteen_bits_are_scaled_not_clipped(file_format):
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    read = images.read_image(encode(Image.fromarray(ramp), file_format), channels=1)
    np.testing.assert_array_equal(read[..., 0], np.rint(ramp / 257))


def test_sixteen_bit_colour_keeps_its_range():
    """Pillow reads but does not write such a file, so this one is put together by hand."""
    ramp = np.linspace(0, 65535, 64).astype(">u2")
    colours = np.stack([ramp, ramp[::-1], np.full(64, 32896)], -1).astype(">u2")
    header = struct.pack(">IIBBBBB", 64, 1, 16, 2, 0, 0, 0)
    encoded = b"\x89PNG\r\n\x1a\n"
    line = zlib.compress(b"\0" + colours.tobytes())
    for kind, content in ((b"IHDR", header), (b"IDAT", line), (b"IEND", b"")):
        crc = struct.pack(">I", zlib.crc32(kind + content))
        encoded += struct.pack(">I", len(content)) + kind + content + crc
    read = images.read_image(encoded)[0]
    assert np.abs(read - colours / 257).max() < 1
    assert read[0].tolist() == [0, 255, 128] and read[-1].tolist() == [255, 0, 128]


def test_thirty_two_bit_and_float_grey():
    levels = np.array([[0, 257 * 100, 65535]])
    for picture in (levels.astype(np.int32), levels.astype(np.float32) / 65535):
        read = images.read_image(encode(Image.fromarray(picture), "TIFF"))
        np.testing.assert_array_equal(read[0], [[0] * 3, [100] * 3, [255] * 3])
    beyond = np.array([[-5, 0, 100, 300]], np.float32)
    read = images.read_image(encode(Image.fromarray(beyond), "TIFF"), channels=1)
    assert read.ravel().tolist() == [0, 0, 100, 255]


def test_one_bit_is_black_and_white():
    bits = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert images.read_image(encode(bits, "PNG"))[0].tolist() == [[0, 0, 0], [255, 255, 255]]


def test_transparency_lies_over_white():
    rgba = np.array([[[255, 0, 0, 255], [0, 0, 0, 0], [0, 0, 0, 128]]], np.uint8)
    encoded = encode(Image.fromarray(rgba), "PNG")
    assert images.read_image(encoded)[0].tolist() == [[255, 0, 0], [255] * 3, [127] * 3]
    assert images.read_image(encoded, channels=1)[0].tolist() == [[76], [255], [127]]


def test_hidden_colour_and_alpha_are_kept_where_asked_for():
    rgba = np.array([[[255, 0, 0, 255], [10, 10, 10, 0]]], np.uint8)
    encoded = encode(Image.fromarray(rgba), "PNG")
    np.testing.assert_array_equal(images.read_image(encoded, channels=4), rgba)
    assert images.read_image(encoded, channels=2)[0].tolist() == [[76, 255], [10, 0]]


def test_a_palette_with_a_transparent_colour():
    picture = Image.new("P", (2, 1))
    picture.putpalette([*RED, 0, 0, 255])
    picture.putpixel((1, 0), 1)
    for file_format in ("PNG", "GIF"):
        plain = encode(picture, file_format)
        assert images.read_image(plain)[0].tolist() == [[255, 0, 0], [0, 0, 255]]
        transparent = encode(picture, file_format, transparency=1)
        assert images.read_image(transparent)[0].tolist() == [[255, 0, 0], [255, 255, 255]]


@pytest.mark.parametrize("mode, key", [("L", 0), ("RGB", (0, 0, 0))])
def test_a_colour_declared_transparent_in_a_png(mode, key):
    picture = Image.new(mode, (2, 1), key)
    picture.putpixel((0, 0), 100 if mode == "L" else (100, 100, 100))
    encoded = encode(picture, "PNG", transparency=key)
    assert images.read_image(encoded)[0].tolist() == [[100] * 3, [255] * 3]


@pytest.mark.parametrize("file_format", ("TIFF", "JPEG"))
def test_cmyk(file_format):
    no_ink, cyan, black = (0, 0, 0, 0), (255, 0, 0, 0), (0, 0, 0, 255)
    picture = Image.new("CMYK", (48, 16))
    for number, ink in enumerate((no_ink, cyan, black)):
        picture.paste(ink, (16 * number, 0, 16 * number + 16, 16))
    options = {"quality": 100} if file_format == "JPEG" else {}
    read = images.read_image(encode(picture, file_format, **options))[8, 8::16].astype(int)
    assert np.abs(read - [[255] * 3, [0, 255, 255], [0] * 3]).max() <= 2


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, WHITE)]
    for file_format, options in (("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {})):
        encoded = encode(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
        read = images.read_image(encoded)
        assert read.shape == (4, 4, 3) and (read == RED).all(), file_format


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("part", (0.05, 0.5, 0.98))
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow also warns of what it then refuses.
def test_a_truncated_file_is_unreadable(file_format, part):
    encoded = encode(Image.fromarray(noise()), file_format)
    with pytest.raises(images.UnreadableImageError):
        images.read_image(encoded[: int(part * len(encoded))])


@pytest.mark.parametrize(
    "content", (b"", b"<html>404</html>", b"\x89PNG\r\n\x1a\n", bytes(range(99)))
)
def test_what_is_no_picture_is_unreadable_and_named(tmp_path, content):
    path = tmp_path / "cat.jpg"
    path.write_bytes(content)
    with pytest.raises(images.UnreadableImageError, match="cat.jpg") as error:
        images.read_image(path)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_unreadable(tmp_path):
    with pytest.raises(images.UnreadableImageError, match="nowhere.png"):
        images.read_image(tmp_path / "nowhere.png")


def test_formats_that_start_other_programs_are_refused(tmp_path):
    encoded = encode(Image.new("RGB", (8, 8)), "EPS")
    with pytest.raises(images.UnreadableImageError, match="known format"):
        images.read_image(encoded)


@pytest.mark.parametrize("side", (9500, 20000))
@pytest.mark.parametrize("warnings", ("error", "ignore"))
def test_a_huge_picture_is_refused_before_it_is_decoded(monkeypatch, side, warnings):
    encoded = encode(Image.new("1", (side, side)), "PNG")
    assert len(encoded) < 100_000
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with catch_warnings():
        simplefilter(warnings)
        with pytest.raises(images.UnreadableImageError):
            images.read_image(encoded)


CLASSES = np.array([[0, 1, 2], [19, 200, 255]], np.uint8)


@pytest.mark.parametrize("file_format", ("PNG", "BMP", "TIFF"))
@pytest.mark.parametrize("palette", (False, True))
def test_class_numbers_are_read_as_they_are(file_format, palette):
    picture = Image.fromarray(CLASSES)
    if palette:  # As in PASCAL VOC; looked up, every number would give another one.
        picture.putpalette([255 - level for level in range(256) for _ in range(3)])
        assert picture.mode == "P"
    read = images.read_labels(encode(picture, file_format))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, CLASSES[..., np.newaxis])


def test_two_classes_may_be_one_bit():
    bits = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert images.read_labels(encode(bits, "PNG")).tolist() == [[[0], [1]]]


@pytest.mark.parametrize(("bits", "numbers"), [(2, [0, 1, 2, 3]), (4, [1, 11])])
def test_levels_of_few_bits_are_numbers(bits: int, numbers: list[int]) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 8 // bits, 1, bits, 0, 0, 0, 0)
    row = zlib.compress(bytes([0, 0b00011011]))  # A filter byte, then one byte of pixels.
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", row) + chunk(b"IEND", b"")
    assert images.read_labels(png)[0, :, 0].tolist() == numbers


def test_a_number_that_is_no_class_is_named() -> None:
    picture = Image.fromarray(np.array([[0, 3]], np.uint8))
    assert images.read_labels(encode(picture, "PNG"), classes=4).tolist() == [[[0], [3]]]
    with pytest.raises(images.UnreadableImageError, match="number 3, but there are 3 classes"):
        images.read_labels(encode(picture, "PNG"), classes=3)


@pytest.mark.parametrize(
    "picture, file_format, says",
    [
        (noise(), "PNG", "label map must be 8-bit grey or palette.* not RGB"),
        (CLASSES.astype(np.uint16), "PNG", "not I;16"),
        (CLASSES, "JPEG", "known format .PNG, BMP, TIFF"),
    ],
)
def test_what_may_not_hold_class_numbers_is_refused_by_name(tmp_path, picture, file_format, says):
    path = tmp_path / "street.png"
    path.write_bytes(encode(Image.fromarray(picture), file_format))
    with pytest.raises(images.UnreadableImageError, match=f"street.png: .*{says}"):
        images.read_labels(path)


def test_channels_are_one_to_four():
    encoded = encode(Image.fromarray(noise()), "PNG")
    for channels in (1, 2, 3, 4):
        assert images.read_image(encoded, channels).shape == (40, 60, channels)
    with pytest.raises(UserError, match="not 5"):
        images.read_image(encoded, 5)


def test_pictures_are_found_by_suffix_in_a_stable_order(tmp_path):
    for name in ("b.PNG", "a/z.jpg", "a/b/c.webp", "notes.txt", "a/data.csv", ".hidden.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "thumbnail.png").touch()
    assert images.find_images(tmp_path) == (["a/b/c.webp", "a/z.jpg", "b.PNG"], 2)
    with pytest.raises(UserError, match="nowhere"):
        images.find_images(tmp_path / "nowhere")


@pytest.mark.parametrize("channels", (1, 2, 3, 4))
def test_what_is_written_is_read(tmp_path, channels):
    path = tmp_path / "new" / "picture.png"
    images.write_image(path, noise(channels=channels))
    np.testing.assert_array_equal(images.read_image(path, channels), noise(channels=channels))
    assert os.listdir(path.parent) == ["picture.png"]


@pytest.mark.parametrize("suffix", sorted(images.IMAGE_SUFFIXES))
def test_the_suffix_chooses_the_format(tmp_path, suffix):
    path = tmp_path / f"picture{suffix.upper()}"
    images.write_image(path, np.full((16, 16, 3), 77, np.uint8))
    assert np.abs(images.read_image(path).astype(int) - 77).max() <= 2
    with Image.open(path) as picture:
        assert suffix in Image.registered_extensions()
        assert picture.format == Image.registered_extensions()[suffix]


def test_a_failed_write_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    images.write_image(path, noise())
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        images.write_image(path, 255 - noise())
    np.testing.assert_array_equal(images.read_image(path), noise())
    assert os.listdir(tmp_path) == ["picture.png"]


def test_what_a_format_cannot_hold_is_refused(tmp_path):
    for name, channels in (("picture.xyz", 3), ("picture.jpg", 4)):
        with pytest.raises(UserError, match=name):
            images.write_image(tmp_path / name, noise(channels=channels))
    assert not list(tmp_path.iterdir())


def test_ranges_meet_at_their_ends_and_round_trip():
    levels = tf.range(256)
    inside = images.to_float(tf.cast(levels, tf.uint8))
    assert inside.dtype == tf.float32
    assert (inside[0], inside[-1]) == (-1.0, 1.0)
    np.testing.assert_allclose(np.diff(inside), 2 / 255, rtol=1e-4)
    np.testing.assert_array_equal(images.to_uint8(inside), levels)


def test_floats_are_rounded_and_clipped():
    between = tf.constant([-7.0, -1.0, 0.4 / 127.5 - 1, 0.6 / 127.5 - 1, 1.0, 7.0])
    assert images.to_uint8(between).numpy().tolist() == [0, 0, 0, 1, 255, 255]
    assert images.to_uint8(tf.cast(between, tf.float16)).dtype == tf.uint8
