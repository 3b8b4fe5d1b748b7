"""Decoding in a graph: the pixels of `read_image` to the last bit, or a status; never others."""

import struct
import warnings
import zlib
from io import BytesIO

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, PngImagePlugin

from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import read_image
from cyclegan_tf.serving.decoding import Status, decode

MAX_PIXELS = 5000
RNG = np.random.default_rng(0)
_FUNCTIONS = {}


def decoded(data, channels=3):
    if channels not in _FUNCTIONS:
        spec = [tf.TensorSpec([], tf.string)]
        _FUNCTIONS[channels] = tf.function(
            lambda encoded: decode(encoded, channels, MAX_PIXELS), input_signature=spec
        )
    picture, status = _FUNCTIONS[channels](data)
    return picture.numpy(), Status(int(status))


def status(data):
    picture, found = decoded(data)
    assert (picture.size > 0) == (found is Status.GOOD)
    return found


def noise(*shape, dtype=np.uint8):
    return RNG.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def encoded(image, kind="PNG", **options):
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind, payload):
    return (
        struct.pack(">I", len(payload))
        + kind
        + payload
        + struct.pack(">I", zlib.crc32(kind + payload))
    )


def png(samples, depth, colour, *extra, interlace=0):
    """A PNG of rows of packed bytes, with further chunks, which Pillow would not write."""
    height, packed = samples.shape
    per_pixel = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    size = packed * 8 // per_pixel, height
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlace)
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    chunks = (
        chunk(b"IHDR", header),
        *extra,
        chunk(b"IDAT", zlib.compress(rows)),
        chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def exif(orientation, order="<", kind=3, count=1, repeats=1):
    mark = {"<": b"II\x2a\0", ">": b"MM\0\x2a"}[order]
    entry = struct.pack(f"{order}HHIHH", 0x112, kind, count, orientation, 0)
    other = struct.pack(f"{order}HHII", 0x11A, 4, 1, 6)
    entries = other + entry * repeats
    return mark + struct.pack(f"{order}IH", 8, 1 + repeats) + entries + bytes(4)


def with_segment(jpeg, *payloads, marker=0xE1):
    segments = (struct.pack(">BBH", 0xFF, marker, len(p) + 2) + p for p in payloads)
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def png_text(keyword, text, compressed=False):
    info = PngImagePlugin.PngInfo()
    info.add_itxt(keyword, text, zip=compressed)
    return encoded(noise(20, 31, 3), pnginfo=info)


XMP = '<x:xmpmeta><rdf:Description tiff:Orientation="{}"/></x:xmpmeta>'
PALETTE = chunk(b"PLTE", noise(16, 3).tobytes())
PICTURES = {
    "rgb": encoded(noise(20, 31, 3)),
    "rgba": encoded(noise(20, 31, 4)),
    "grey": encoded(noise(20, 31)),
    "grey and alpha": encoded(noise(20, 31, 2)),
    "single pixel": encoded(noise(1, 1, 3)),
    "black and white": encoded(Image.fromarray(noise(9, 17)).convert("1")),
    "grey of 2 bits": png(noise(7, 5), 2, 0),
    "grey of 4 bits": png(noise(7, 5), 4, 0),
    "grey of 16 bits": png(noise(7, 512), 16, 0),
    "grey and alpha of 16 bits": png(noise(7, 20), 16, 4),
    "rgb of 16 bits": png(noise(7, 30), 16, 2),
    "rgba of 16 bits": png(noise(7, 40), 16, 6),
    "palette": encoded(Image.fromarray(noise(20, 31, 3)).quantize(40)),
    "palette of 4 bits": png(noise(7, 5), 4, 3, PALETTE),
    "palette and transparency": png(noise(7, 5), 4, 3, PALETTE, chunk(b"tRNS", noise(9).tobytes())),
    "palette, one colour clear": png(noise(7, 5), 4, 3, PALETTE, chunk(b"tRNS", b"\xff\xff\xff\0")),
    "grey, one level clear": png(noise(40, 80), 8, 0, chunk(b"tRNS", b"\0\x07")),
    "rgb, one colour clear": png(noise(40, 9) % 2, 8, 2, chunk(b"tRNS", b"\0\1\0\0\0\1")),
    "gamma and profile": png(
        noise(9, 9), 8, 2, chunk(b"gAMA", struct.pack(">I", 20000)), chunk(b"sRGB", b"\0")
    ),
    "animated": encoded(
        Image.fromarray(noise(20, 31, 3)), save_all=True, append_images=[Image.new("RGB", (31, 20))]
    ),
    "eXIf behind the pixels": encoded(noise(20, 31, 3))[:-12]
    + chunk(b"eXIf", exif(6))
    + chunk(b"IEND", b""),
    "xmp, upright": png_text("XML:com.adobe.xmp", XMP.format(1)),
    "jpeg": encoded(noise(20, 31, 3), "JPEG", quality=90),
    "jpeg without subsampling": encoded(noise(20, 31, 3), "JPEG", subsampling=0),
    "jpeg in grey": encoded(noise(20, 31), "JPEG"),
    "jpeg, progressive": encoded(noise(40, 31, 3), "JPEG", progressive=True),
    "jpeg with restarts": encoded(noise(40, 31, 3), "JPEG", restart_marker_rows=1),
    "jpeg as rgb": encoded(noise(20, 31, 3), "JPEG", keep_rgb=True),
    "jpeg with fill bytes": encoded(noise(20, 31, 3), "JPEG").replace(
        b"\xff\xdb", b"\xff\xff\xff\xdb"
    ),
    "jpeg, xmp upright": with_segment(
        encoded(noise(20, 31, 3), "JPEG"),
        b"http://ns.adobe.com/xap/1.0/\0" + XMP.format(1).encode(),
    ),
    "jpeg, exif over xmp": with_segment(
        encoded(noise(20, 31, 3), "JPEG"),
        b"http://ns.adobe.com/xap/1.0/\0" + XMP.format(3).encode(),
        b"Exif\0\0" + exif(6),
    ),
    "jpeg, exif in two parts": with_segment(
        encoded(noise(20, 31, 3), "JPEG"), b"Exif\0\0" + exif(8)[:20], b"Exif\0\0" + exif(8)[20:]
    ),
    "jpeg, exif without orientation": with_segment(
        encoded(noise(20, 31, 3), "JPEG"), b"Exif\0\0" + exif(6, repeats=0)
    ),
}


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("name", PICTURES)
def test_pixels_are_those_of_translation(name, channels):
    picture, found = decoded(PICTURES[name], channels)
    assert found is Status.GOOD
    np.testing.assert_array_equal(picture, read_image(PICTURES[name], channels))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_pictures_are_turned_upright(kind, orientation, order):
    plain = encoded(noise(20, 31, 3), kind)
    block = exif(orientation, order)
    data = (
        with_segment(plain, b"Exif\0\0" + block)
        if kind == "JPEG"
        else plain[:33] + chunk(b"eXIf", block) + plain[33:]
    )
    picture, found = decoded(data)
    assert found is Status.GOOD
    assert picture.shape[:2] == ((31, 20) if 5 <= orientation <= 8 else (20, 31))
    np.testing.assert_array_equal(picture, read_image(data))


def test_every_transparency_of_every_level_is_laid_over_white():
    rgba = np.zeros((64, 64, 4), np.uint8)
    for start in range(0, 65536, 4096):
        pairs = np.arange(start, start + 4096).reshape(64, 64)
        rgba[..., 0], rgba[..., 1], rgba[..., 3] = pairs % 256, pairs * 7 % 256, pairs // 256
        data = encoded(rgba)
        for channels in (1, 3):
            np.testing.assert_array_equal(decoded(data, channels)[0], read_image(data, channels))


JPEG = encoded(noise(20, 31, 3), "JPEG")


REFUSED = {
    "empty": (b"", Status.UNREADABLE),
    "page": (b"<html></html>", Status.UNREADABLE),
    "noise": (noise(5000).tobytes(), Status.UNREADABLE),
    "only a beginning": (b"\x89PNG\r\n\x1a\n", Status.UNREADABLE),
    "gif": (encoded(noise(9, 9), "GIF"), Status.UNSUPPORTED),
    "bmp": (encoded(noise(9, 9), "BMP"), Status.UNSUPPORTED),
    "tiff": (encoded(noise(9, 9), "TIFF"), Status.UNSUPPORTED),
    "webp": (encoded(noise(9, 9), "WEBP"), Status.UNSUPPORTED),
    "cmyk": (encoded(Image.fromarray(noise(9, 9, 4), "CMYK"), "JPEG"), Status.UNSUPPORTED),
    "profile": (
        png_text("Raw profile type exif", "\nexif\n 8\n" + exif(6).hex()),
        Status.UNSUPPORTED,
    ),
    "xmp": (png_text("XML:com.adobe.xmp", XMP.format(6)), Status.UNSUPPORTED),
    "compressed xmp": (
        png_text("XML:com.adobe.xmp", XMP.format(1), compressed=True),
        Status.UNSUPPORTED,
    ),
    "deep and clear": (
        png(noise(9, 8), 16, 0, chunk(b"tRNS", b"\0\7")),
        Status.UNSUPPORTED,
    ),
    "orientation as long": (
        with_segment(JPEG, b"Exif\0\0" + exif(6, kind=4)),
        Status.UNSUPPORTED,
    ),
    "two orientations": (
        with_segment(JPEG, b"Exif\0\0" + exif(6, repeats=2)),
        Status.UNSUPPORTED,
    ),
    "junk for exif": (with_segment(JPEG, b"Exif\0\0nothing at all"), Status.UNREADABLE),
    "too many pixels": (encoded(np.zeros((100, 51, 3), np.uint8)), Status.TOO_LARGE),
    "claims a terapixel": (
        PICTURES["rgb"][:16] + struct.pack(">II", 1 << 20, 1 << 20) + PICTURES["rgb"][24:],
        Status.TOO_LARGE,
    ),
    "jpeg, too many pixels": (
        encoded(np.zeros((100, 51, 3), np.uint8), "JPEG"),
        Status.TOO_LARGE,
    ),
}


@pytest.mark.parametrize(("data", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_decoded_has_its_status(data, expected):
    assert status(data) is expected


def test_the_largest_picture_allowed_is_decoded():
    assert status(encoded(np.zeros((100, 50, 3), np.uint8))) is Status.GOOD


def test_a_file_of_very_many_parts_does_not_keep_the_server_busy():
    many = PICTURES["rgb"][:-12] + chunk(b"teSt", b"") * 20_000 + chunk(b"IEND", b"")
    assert status(many) is Status.UNREADABLE


@pytest.mark.parametrize("name", ["rgb", "palette", "grey of 16 bits", "jpeg", "jpeg, progressive"])
def test_what_is_cut_off_is_unreadable(name):
    data = PICTURES[name]
    for kept in RNG.integers(0, len(data) - 4, 25):
        assert status(data[:kept]) is Status.UNREADABLE


def test_exif_whose_values_lie_beyond_its_end_is_not_relied_on():
    data = PICTURES["jpeg, exif over xmp"]
    # The count of the tag before the orientation; some versions of Pillow stop there.
    place = data.index(b"Exif\0\0II") + 6 + 17
    damaged = data[:place] + b"\x08" + data[place + 1 :]
    assert status(data) is Status.GOOD
    assert status(damaged) is Status.UNSUPPORTED


@pytest.mark.parametrize("name", ["rgb", "rgba", "grey", "jpeg", "jpeg, exif over xmp"])
def test_damage_never_leads_to_other_pixels(name):
    good = 0
    for _ in range(60):
        data = bytearray(PICTURES[name])
        data[RNG.integers(len(data))] ^= 1 << RNG.integers(8)
        picture, found = decoded(bytes(data))
        if found is Status.GOOD:
            good += 1
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    expected = read_image(bytes(data))
                except UserError:
                    continue
            np.testing.assert_array_equal(picture, expected)
    assert good < 60
