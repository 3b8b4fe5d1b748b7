"""Decoding pictures inside a graph to the pixels that `images.read_image` gives, or to a status."""

import enum

import tensorflow as tf

from cyclegan_tf.serving.headers import JPEG_START, PNG_START, GraphHeader, jpeg_header, png_header


class Status(enum.IntEnum):
    """What became of one picture of a batch."""

    GOOD = 0
    UNREADABLE = 1
    UNSUPPORTED = 2
    TOO_LARGE = 3

    @property
    def meaning(self) -> str:
        """What it says to users."""
        return _MEANINGS[self]


_MEANINGS = {
    Status.GOOD: "translated",
    Status.UNREADABLE: "damaged, cut off, or no picture at all",
    Status.UNSUPPORTED: "a kind that is not decoded here (only PNG, and JPEG in grey or colour), "
    "or one of whose rotation or transparency is doubtful; send it as plain PNG",
    Status.TOO_LARGE: "more pixels than the model was exported for",
}


def decode(encoded: tf.Tensor, channels: int, max_pixels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes one picture, or says why not; never fails, and never gives other pixels.

    The camera's rotation is applied, and for 1 and 3 channels transparency is laid over white.

    Args:
        encoded: A PNG or JPEG file, string, a scalar.
        channels: 1 for grey, 2 for grey and alpha, 3 for RGB, 4 for RGBA.
        max_pixels: Larger pictures are refused by their header.

    Returns:
        The picture, uint8 `(height, width, channels)`, of no size unless it is good; and a
        `Status`, int32, a scalar.
    """
    nothing = tf.zeros([0, 0, channels], tf.uint8)
    # A graph has no way to catch an operation's error, but a data set passes over elements that
    # have one; the second element is there for that case.
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    attempt = tf.data.Dataset.from_tensors(encoded)
    attempt = attempt.map(lambda data: _decode(data, channels, max_pixels)).ignore_errors()
    otherwise = tf.data.Dataset.from_tensors((nothing, tf.constant(Status.UNREADABLE, tf.int32)))
    return attempt.concatenate(otherwise).take(1).with_options(options).get_single_element()


def _decode(data: tf.Tensor, channels: int, max_pixels: int) -> tuple[tf.Tensor, tf.Tensor]:
    start = tf.strings.substr(data, 0, len(PNG_START))
    is_png = start == PNG_START
    is_jpeg = tf.strings.substr(start, 0, len(JPEG_START)) == JPEG_START
    nothing = tf.zeros([0, 0, channels], tf.uint8)

    def known() -> tuple[tf.Tensor, tf.Tensor]:
        header = GraphHeader(*tf.cond(is_png, lambda: png_header(data), lambda: jpeg_header(data)))
        pixels = header.height * header.width
        status = tf.where(header.supported, Status.GOOD, Status.UNSUPPORTED)
        status = tf.where(pixels > max_pixels, Status.TOO_LARGE, status)
        good = status == Status.GOOD

        def upright() -> tf.Tensor:
            rgba = tf.cond(is_png, lambda: _png(data, header), lambda: _jpeg(data))
            return _turned(_converted(rgba, channels), header.orientation)

        return tf.cond(good, upright, lambda: nothing), status

    def unknown() -> tuple[tf.Tensor, tf.Tensor]:
        return nothing, tf.where(_is_other_kind(data), Status.UNSUPPORTED, Status.UNREADABLE)

    picture, status = tf.cond(is_png | is_jpeg, known, unknown)
    return tf.ensure_shape(picture, [None, None, channels]), tf.cast(status, tf.int32)


def _is_other_kind(data: tf.Tensor) -> tf.Tensor:
    """Whether it begins as GIF, BMP, TIFF or WebP does, which `read_image` reads."""
    start = tf.strings.substr(data, 0, 4)
    starts = [tf.strings.substr(start, 0, len(kind)) == kind for kind in _OTHER_KINDS]
    return tf.reduce_any(tf.stack(starts))


_OTHER_KINDS = (b"GIF8", b"BM", b"II\x2a\0", b"MM\0\x2a", b"RIFF")


def _jpeg(data: tf.Tensor) -> tf.Tensor:
    # The slow, exact transform is the one that Pillow uses.
    return _opaque(tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE"))


def _png(data: tf.Tensor, header: GraphHeader) -> tf.Tensor:
    def grey() -> tf.Tensor:
        levels = tf.cast(tf.io.decode_png(data, channels=1, dtype=tf.uint16), tf.int32)
        return _opaque(tf.repeat(tf.cast((levels + 128) // 257, tf.uint8), 3, axis=-1))

    def colours() -> tf.Tensor:
        # The alpha that the decoder would add is wrong at less than 8 bits.
        return _opaque(tf.io.decode_png(data, channels=3))

    def transparent() -> tf.Tensor:
        return tf.io.decode_png(data, channels=4)

    return tf.cond(header.grey, grey, lambda: tf.cond(header.opaque, colours, transparent))


def _opaque(rgb: tf.Tensor) -> tf.Tensor:
    return tf.pad(rgb, [[0, 0], [0, 0], [0, 1]], constant_values=255)


def _converted(rgba: tf.Tensor, channels: int) -> tf.Tensor:
    """Converts RGBA as Pillow does, to the last bit: its integer formulas."""
    if channels == 4:
        return rgba
    shifted, levels = tf.bitwise.right_shift, tf.cast(rgba, tf.int32)
    rgb, alpha = levels[..., :3], levels[..., 3:]
    if channels != 2:
        over_white = 128 * (rgb * alpha + 255 * (255 - alpha) + 128)
        rgb = shifted(shifted(over_white, 8) + over_white, 15)
    if channels == 3:
        return tf.cast(rgb, tf.uint8)
    luma = tf.reduce_sum(rgb * [19595, 38470, 7471], axis=-1, keepdims=True)
    grey = shifted(luma + 0x8000, 16)
    return tf.cast(grey if channels == 1 else tf.concat([grey, alpha], -1), tf.uint8)


def _turned(picture: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns a picture upright, from any of EXIF's eight orientations."""
    sideways = orientation >= 5
    picture = tf.cond(sideways, lambda: tf.transpose(picture, [1, 0, 2]), lambda: picture)
    for axis, mirrored in ((1, (2, 3, 6, 7)), (0, (3, 4, 7, 8))):
        flip = tf.reduce_any(orientation == tf.constant(mirrored))
        picture = tf.cond(flip, lambda p=picture, a=axis: tf.reverse(p, [a]), lambda p=picture: p)
    return picture
