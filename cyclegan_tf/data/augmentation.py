"""Random augmentations, as pure functions of an image and a seed.

Every function takes a seed of shape `(2,)` (int32 or int64) and returns the same result for the
same seed. The functions keep no state, so they can run in any order and on any thread.
"""

import math
from collections.abc import Collection

import tensorflow as tf

from cyclegan_tf.config.run_options import AUGMENTATIONS
from cyclegan_tf.images.images import to_float


def augment(
    image: tf.Tensor,
    seed: tf.Tensor,
    names: Collection[str],
    crop_size: int | None,
    labels: bool = False,
) -> tf.Tensor:
    """Rotates, crops, flips and recolours an image, in this order.

    Rotation comes first because the crop removes most of the border that rotation fills in.
    Two images of the same size get the same geometric changes from the same seed.

    Args:
        image: uint8 in [0, 255], shape `(height, width, channels)`.
        seed: Shape `(2,)`; each augmentation folds its own number into it, so that enabling
            one does not affect another.
        names: Any of `run_options.AUGMENTATIONS`. Without `crop`, the centre is cropped.
        crop_size: Side of the crop in pixels, or None for no crop.
        labels: Whether the image is a label map. Label maps are moved but never interpolated or
            recoloured; `to_uint8` recovers the class numbers.

    Returns:
        float32 in [-1, 1], shape `(crop_size, crop_size, channels)`, or of the input.
    """
    seeds = {
        name: tf.random.experimental.stateless_fold_in(seed, number)
        for number, name in enumerate(AUGMENTATIONS)
    }
    image = to_float(image)
    if "rotate" in names:
        image = rotate(image, seeds["rotate"], nearest=labels)
    if crop_size is not None:
        random = "crop" in names
        image = crop(image, crop_size, seeds["crop"] if random else None)
    if "flip" in names:
        image = flip(image, seeds["flip"])
    if "colour" in names and not labels:
        image = colour(image, seeds["colour"])
    return image


def flip(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Flip left and right with probability 1/2; any dtype, `(height, width, channels)`."""
    mirrored = tf.random.stateless_uniform((), seed) < 0.5
    return tf.where(mirrored, tf.reverse(image, [1]), image)


def crop(image: tf.Tensor, size: int, seed: tf.Tensor | None) -> tf.Tensor:
    """Crop a square at a uniformly random position, or at the centre.

    Args:
        image: Any dtype, shape `(height, width, channels)`, each side at least `size`.
        size: Side of the square in pixels.
        seed: Shape `(2,)`, or None for the centre.

    Returns:
        Same dtype, shape `(size, size, channels)`.
    """
    spare = tf.shape(image)[:2] - size
    if seed is None:
        top_left = spare // 2
    else:
        places = tf.cast(spare + 1, tf.float32)
        top_left = tf.cast(tf.random.stateless_uniform((2,), seed) * places, tf.int32)
    return tf.slice(image, tf.pad(top_left, [[0, 1]]), [size, size, image.shape[-1]])


def rotate(
    image: tf.Tensor, seed: tf.Tensor, degrees: float = 10.0, nearest: bool = False
) -> tf.Tensor:
    """Rotate an image about its centre by a random angle of at most `degrees` either way.

    Pixels from outside the image are filled in by reflection at the border.

    Args:
        image: float32, shape `(height, width, channels)`.
        seed: Shape `(2,)`.
        degrees: Largest angle, positive.
        nearest: Whether to interpolate with the nearest pixel instead of bilinearly.

    Returns:
        Same dtype and shape.
    """
    angle = tf.random.stateless_uniform((), seed, -degrees, degrees) * (math.pi / 180.0)
    return _turn(image, angle, nearest)


def colour(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Change brightness by up to 10 % of the range, contrast and saturation by up to 20 %.

    Contrast scales each pixel's distance to the image's mean, and saturation (RGB only) its
    distance to its own luma (ITU-R BT.601). An alpha channel (the last of 2 or 4) is unchanged.

    Args:
        image: float32 in [-1, 1], shape `(height, width, channels)`.
        seed: Shape `(2,)`.

    Returns:
        Same dtype and shape, clipped to [-1, 1].
    """
    channels = image.shape[-1]
    colours, alpha = tf.split(image, [channels - (channels + 1) % 2, (channels + 1) % 2], axis=-1)
    brightness, contrast, saturation = tf.unstack(
        tf.random.stateless_uniform((3,), seed, -1.0, 1.0)
    )
    mean = tf.reduce_mean(colours)
    colours = mean + (1.0 + 0.2 * contrast) * (colours - mean) + 0.2 * brightness
    if colours.shape[-1] == 3:
        luma = tf.reduce_sum(colours * [0.299, 0.587, 0.114], axis=-1, keepdims=True)
        colours = luma + (1.0 + 0.2 * saturation) * (colours - luma)
    return tf.concat([tf.clip_by_value(colours, -1.0, 1.0), alpha], axis=-1)


def _turn(image: tf.Tensor, angle: tf.Tensor, nearest: bool = False) -> tf.Tensor:
    """Rotate counter-clockwise by `angle` (radians) about the centre of the image."""
    size = tf.shape(image)[:2]
    centre_y, centre_x = tf.unstack(tf.cast(size - 1, tf.float32) / 2.0)
    cos, sin = tf.cos(angle), tf.sin(angle)
    # The operation expects the map from output coordinates (x, y) to input coordinates.
    to_input = [
        *(cos, -sin, centre_x - cos * centre_x + sin * centre_y),
        *(sin, cos, centre_y - sin * centre_x - cos * centre_y),
        *(0.0, 0.0),
    ]
    turned = tf.raw_ops.ImageProjectiveTransformV3(
        images=image[tf.newaxis],
        transforms=tf.stack(to_input)[tf.newaxis],
        output_shape=size,
        fill_value=0.0,
        interpolation="NEAREST" if nearest else "BILINEAR",
        fill_mode="REFLECT",
    )[0]
    return tf.ensure_shape(turned, image.shape)
