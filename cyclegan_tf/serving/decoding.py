"""Decoding images inside a graph, to the same pixels as `images.read_image` or to a status."""

import enum

import tensorflow as tf

from cyclegan_tf.serving.headers import JPEG_START, PNG_START, GraphHeader, jpeg_header, png_header


class Status(enum.IntEnum):
    """The result for one image of a batch."""

    GOOD = 0
    UNREADABLE = 1
    UNSUPPORTED = 2
    TOO_LARGE = 3

    @property
    def meaning(self) -> str:
        """The description for users."""
        return _MEANINGS[self]


_MEANINGS = {
    Status.GOOD: "translated",
    Status.UNREADABLE: "damaged, truncated, or not an image",
    Status.UNSUPPORTED: "unsupported format (only PNG, and JPEG in grey or colour, are decoded), "
    "or ambiguous rotation or transparency; send it as plain PNG",
    Status.TOO_LARGE: "more pixels than the model was exported for",
}


def decode(encoded: tf.Tensor, channels: int, max_pixels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode one image to the same pixels as `read_image`, or return a status; never fail.

    Applies EXIF rotation; for 1 and 3 channels, blends transparency with white.

    Args:
        encoded: A PNG or JPEG file, scalar string.
        channels: 1 for grey, 2 for grey and alpha, 3 for RGB, 4 for RGBA.
        max_pixels: Images with more pixels are rejected before decoding.

    Returns:
        The image, uint8 `(height, width, channels)`, with height and width 0 unless the status
        is `GOOD`; and a `Status`, scalar int32.
    """
    nothing = tf.zeros([0, 0, channels], tf.uint8)
    # A graph cannot catch the error of an operation, but a data set can skip elements that fail.
    # The second element is the fallback for that case.
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

    image, status = tf.cond(is_png | is_jpeg, known, unknown)
    return tf.ensure_shape(image, [None, None, channels]), tf.cast(status, tf.int32)


def _is_other_kind(data: tf.Tensor) -> tf.Tensor:
    """Whether it has the signature of GIF, BMP, TIFF or WebP, which only `read_image` reads."""
    start = tf.strings.substr(data, 0, 4)
    starts = [tf.strings.substr(start, 0, len(kind)) == kind for kind in _OTHER_KINDS]
    return tf.reduce_any(tf.stack(starts))


_OTHER_KINDS = (b"GIF8", b"BM", b"II\x2a\0", b"MM\0\x2a", b"RIFF")


def _jpeg(data: tf.Tensor) -> tf.Tensor:
    # Pillow uses the slow, exact transform.
    return _opaque(tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE"))


def _png(data: tf.Tensor, header: GraphHeader) -> tf.Tensor:
    def grey() -> tf.Tensor:
        levels = tf.cast(tf.io.decode_png(data, channels=1, dtype=tf.uint16), tf.int32)
        return _opaque(tf.repeat(tf.cast((levels + 128) // 257, tf.uint8), 3, axis=-1))

    def colours() -> tf.Tensor:
        # With less than 8 bits, the decoder would add a wrong alpha channel.
        return _opaque(tf.io.decode_png(data, channels=3))

    def transparent() -> tf.Tensor:
        return tf.io.decode_png(data, channels=4)

    return tf.cond(header.grey, grey, lambda: tf.cond(header.opaque, colours, transparent))


def _opaque(rgb: tf.Tensor) -> tf.Tensor:
    return tf.pad(rgb, [[0, 0], [0, 0], [0, 1]], constant_values=255)


def _converted(rgba: tf.Tensor, channels: int) -> tf.Tensor:
    """Convert RGBA with the integer formulas of Pillow, bit-identical to it."""
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


def _turned(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turn an image upright from any of the eight EXIF orientations."""
    sideways = orientation >= 5
    image = tf.cond(sideways, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    for axis, mirrored in ((1, (2, 3, 6, 7)), (0, (3, 4, 7, 8))):
        flip = tf.reduce_any(orientation == tf.constant(mirrored))
        image = tf.cond(flip, lambda p=image, a=axis: tf.reverse(p, [a]), lambda p=image: p)
    return image
