"""Headers of PNG and JPEG files, read inside a graph before the files are decoded.

TensorFlow's decoders do not report the size in advance or the EXIF rotation, and Pillow cannot run
in a server. This module uses string operations only. They fail on a file that is truncated within
its header; `decoding` turns the failure into a status.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

PNG_START, JPEG_START = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"

# Limits the work for a file of many empty parts; ordinary files have up to a few thousand parts.
_MOST_PARTS = 10_000
_ORIENTATION_TAG, _SHORT = 0x0112, 3
# Bytes per value of the TIFF types 0 to 16; the last 0 stands for all other types.
_TIFF_SIZES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 0)
_UNKNOWN = -1


class GraphHeader(NamedTuple):
    """The header of one file, as scalar tensors.

    Attributes:
        height: int64, in pixels, before rotation.
        width: int64, in pixels, before rotation.
        grey: bool, whether the image has neither colours nor transparency.
        opaque: bool, whether the image has no transparency.
        orientation: int32, EXIF orientation from 1 to 8.
        supported: bool, whether decoding is known to give the same pixels as Pillow.
    """

    height: tf.Tensor
    width: tf.Tensor
    grey: tf.Tensor
    opaque: tf.Tensor
    orientation: tf.Tensor
    supported: tf.Tensor


class _Notes(NamedTuple):
    """The state of a walk through the parts of a file."""

    position: tf.Tensor
    kind: tf.Tensor
    frame: tf.Tensor
    exif: tf.Tensor
    xmp: tf.Tensor
    transparent: tf.Tensor
    puzzling: tf.Tensor


def png_header(data: tf.Tensor) -> GraphHeader:
    """Read all chunks of a PNG, because the rotation may follow the pixels.

    Args:
        data: The file, scalar string.

    Raises:
        tf.errors.InvalidArgumentError: At run time, if the file is truncated or malformed.
    """

    def note_chunk(notes: _Notes) -> _Notes:
        length, start = _number(data, notes.position, 4), notes.position + 8
        kind = tf.strings.substr(data, notes.position + 4, 4)
        pixels = kind == b"IDAT"
        payload = tf.strings.substr(data, start, tf.where(pixels, tf.constant(0, tf.int64), length))
        is_exif = kind == b"eXIf"
        # ImageMagick writes this; Pillow reads it if there is no eXIf.
        profile = _is_text(kind) & _starts(payload, b"Raw profile type exif\0")
        key = b"XML:com.adobe.xmp\0"
        is_xmp = _is_text(kind) & _starts(payload, key)
        plain = (kind == b"tEXt") | ((kind == b"iTXt") & _starts(payload, key + b"\0"))
        return notes._replace(
            position=start + length + 4,
            kind=kind,
            exif=tf.where(is_exif, payload, notes.exif),
            xmp=tf.where(is_xmp, payload, notes.xmp),
            transparent=notes.transparent | (kind == b"tRNS"),
            puzzling=notes.puzzling | profile | (is_xmp & ~plain),
        )

    notes = _walk(note_chunk, start=8, last=b"IEND")
    depth, colour = _number(data, 24, 1), _number(data, 25, 1)
    # In this case, Pillow compares the transparent colour with samples of another depth.
    doubtful = notes.transparent & (depth != 8) & (colour != 3)
    opaque = ~notes.transparent & (colour < 4)
    orientation = _orientation(notes.exif, notes.xmp)
    puzzling = notes.puzzling & (notes.exif == b"")
    return GraphHeader(
        height=_number(data, 20, 4),
        width=_number(data, 16, 4),
        grey=(colour == 0) & opaque,
        opaque=opaque,
        orientation=orientation,
        supported=~doubtful & ~puzzling & (orientation != _UNKNOWN),
    )


def jpeg_header(data: tf.Tensor) -> GraphHeader:
    """Read the segments of a JPEG up to its pixels.

    Args:
        data: The file, scalar string.

    Raises:
        tf.errors.InvalidArgumentError: At run time, if the file is truncated or malformed.
    """

    def note_segment(notes: _Notes) -> _Notes:
        marker = tf.strings.substr(data, notes.position, 2)
        # Any number of fill bytes may precede a marker.
        filling = marker == b"\xff\xff"
        length = tf.cond(
            filling, lambda: tf.constant(-1, tf.int64), lambda: _number(data, notes.position + 2, 2)
        )
        payload = tf.strings.substr(data, notes.position + 4, tf.maximum(length - 2, 0))
        is_frame = _one_of(marker, [b"\xff\xc0", b"\xff\xc1", b"\xff\xc2"])
        is_segment = _one_of(marker, [bytes([0xFF, kind]) for kind in _JPEG_SEGMENTS])
        is_exif = (marker == b"\xff\xe1") & _starts(payload, b"Exif\0\0")
        is_xmp = (marker == b"\xff\xe1") & _starts(payload, b"http://ns.adobe.com/xap/1.0/\0")
        rest = tf.strings.substr(payload, tf.where(is_exif, 6, 0), 1 << 16)
        return notes._replace(
            position=notes.position + 2 + length,
            kind=marker,
            frame=tf.where(is_frame, payload, notes.frame),
            exif=tf.where(is_exif, notes.exif + rest, notes.exif),
            xmp=tf.where(is_xmp, payload, notes.xmp),
            puzzling=notes.puzzling | ~(filling | is_segment),
        )

    notes = _walk(note_segment, start=2, last=b"\xff\xda")
    precision, components = _number(notes.frame, 0, 1), _number(notes.frame, 5, 1)
    orientation = _orientation(notes.exif, notes.xmp)
    ordinary = (precision == 8) & ((components == 1) | (components == 3))
    return GraphHeader(
        height=_number(notes.frame, 1, 2),
        width=_number(notes.frame, 3, 2),
        grey=components == 1,
        opaque=tf.constant(True),
        orientation=orientation,
        supported=ordinary & ~notes.puzzling & (orientation != _UNKNOWN),
    )


# Frames of baseline, extended and progressive JPEG; tables; scan; application and comment.
_JPEG_SEGMENTS = (0xC0, 0xC1, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE)


def _walk(step: Callable[[_Notes], _Notes], start: int, last: bytes) -> _Notes:
    """Apply `step` to each part of the file, up to the first of the kind `last`."""
    no, nothing = tf.constant(False), tf.constant(b"")
    first = _Notes(tf.constant(start, tf.int64), nothing, nothing, nothing, nothing, no, no)
    notes = _Notes(
        *tf.while_loop(
            lambda *state: _Notes(*state).kind != last,
            lambda *state: tuple(step(_Notes(*state))),
            tuple(first),
            maximum_iterations=_MOST_PARTS,
        )
    )
    with tf.control_dependencies([tf.debugging.assert_equal(notes.kind, last)]):
        return _Notes(*(tf.identity(tensor) for tensor in notes))


def _orientation(exif: tf.Tensor, xmp: tf.Tensor) -> tf.Tensor:
    """Return the orientation from EXIF, else XMP, else 1, as Pillow does, or `_UNKNOWN`."""
    said = tf.cond(exif == b"", lambda: tf.constant(0), lambda: _exif_orientation(exif))
    return tf.cond(said == 0, lambda: _xmp_orientation(xmp), lambda: said)


def _exif_orientation(exif: tf.Tensor) -> tf.Tensor:
    """Read the orientation from the first directory; 0 if it has none."""
    little = tf.strings.substr(exif, 0, 2) == b"II"
    known = _one_of(tf.strings.substr(exif, 0, 4), [b"II\x2a\0", b"MM\0\x2a"])
    directory = _number(exif, 4, 4, little)
    size = 12 * _number(exif, directory, 2, little)
    raw = tf.io.decode_raw(tf.strings.substr(exif, directory + 2, size), tf.uint8)
    with tf.control_dependencies([tf.debugging.assert_equal(tf.size(raw, tf.int64), size)]):
        entries = tf.reshape(raw, [-1, 12])
    tags, kinds = _digits(entries[:, 0:2], little), _digits(entries[:, 2:4], little)
    counts, values = _digits(entries[:, 4:8], little), _digits(entries[:, 8:10], little)
    chosen = tags == _ORIENTATION_TAG
    found = tf.boolean_mask(values, chosen)
    clear = tf.reduce_all(tf.boolean_mask((kinds == _SHORT) & (counts == 1), chosen))
    # If a value is beyond the end, Pillow stops, perhaps before it reaches this tag.
    sizes = counts * tf.gather(
        tf.constant(_TIFF_SIZES, tf.int64), tf.minimum(kinds, len(_TIFF_SIZES) - 1)
    )
    ends = _digits(entries[:, 8:12], little) + sizes
    complete = tf.reduce_all((sizes <= 4) | (ends <= tf.cast(tf.strings.length(exif), tf.int64)))
    value = tf.cast(tf.reduce_sum(found), tf.int32)
    # Other values mean no rotation.
    value = tf.where((value >= 1) & (value <= 8), value, 1)
    value = tf.where(tf.size(found) == 0, 0, value)
    return tf.where(known & clear & complete & (tf.size(found) <= 1), value, _UNKNOWN)


def _xmp_orientation(xmp: tf.Tensor) -> tf.Tensor:
    """Accept upright images only; rotation in XMP without EXIF is too rare to support."""
    parts = tf.strings.split(xmp, "tiff:Orientation")
    said = tf.strings.substr(tf.concat([parts, [b""]], 0)[1], 0, 3)
    upright = (said == b'="1') | _starts(said, b">1")
    return tf.where((tf.size(parts) < 2) | upright, 1, _UNKNOWN)


def _number(
    data: tf.Tensor, start: tf.Tensor | int, size: int, little: tf.Tensor | bool = False
) -> tf.Tensor:
    """Read an unsigned number as int64; fail if the data is too short."""
    raw = tf.io.decode_raw(tf.strings.substr(data, start, size), tf.uint8)
    return _digits(tf.ensure_shape(raw, [size]), little)


def _digits(raw: tf.Tensor, little: tf.Tensor | bool) -> tf.Tensor:
    """Read the bytes along the last axis as unsigned numbers."""
    powers = [256**power for power in range(raw.shape[-1])]
    weights = tf.where(little, tf.constant(powers, tf.int64), tf.constant(powers[::-1], tf.int64))
    return tf.reduce_sum(tf.cast(raw, tf.int64) * weights, axis=-1)


def _starts(data: tf.Tensor, beginning: bytes) -> tf.Tensor:
    return tf.strings.substr(data, 0, len(beginning)) == beginning


def _one_of(data: tf.Tensor, choices: list[bytes]) -> tf.Tensor:
    return tf.reduce_any(data == tf.constant(choices))


def _is_text(kind: tf.Tensor) -> tf.Tensor:
    return _one_of(kind, [b"tEXt", b"zTXt", b"iTXt"])
