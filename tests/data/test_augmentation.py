"""Augmentations, against answers known by thought and independent references."""

import math

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from cyclegan_tf.config.run_options import AUGMENTATIONS
from cyclegan_tf.data import augmentation
from cyclegan_tf.images.images import to_float, to_uint8

SEEDS = [tf.constant([7, number], tf.int64) for number in range(200)]


def noise(height=12, width=16, channels=3):
    shape = (height, width, channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_a_flip_mirrors_left_and_right_half_the_time():
    image = noise()
    flipped = [bool((augmentation.flip(image, seed) != image).numpy().any()) for seed in SEEDS]
    assert 70 <= sum(flipped) <= 130  # 100 expected, standard deviation 7
    first = SEEDS[flipped.index(True)]
    np.testing.assert_array_equal(augmentation.flip(image, first), np.fliplr(image))


def test_the_centre_crop():
    image = noise(12, 16)
    np.testing.assert_array_equal(augmentation.crop(image, 8, None), image[2:10, 4:12])
    np.testing.assert_array_equal(augmentation.crop(image, 7, None), image[2:9, 4:11])


def test_a_random_crop_reaches_every_place_about_as_often():
    rows, columns = np.mgrid[:6, :7]
    image = tf.constant(np.stack([rows, columns], -1))
    places = [tuple(augmentation.crop(image, 4, seed)[0, 0].numpy()) for seed in SEEDS]
    counts = {place: places.count(place) for place in places}
    assert set(counts) == {(row, column) for row in range(3) for column in range(4)}
    assert min(counts.values()) >= 5 and max(counts.values()) <= 33  # 16.7 expected, sd 3.9


def test_a_crop_of_the_whole_picture_is_the_picture():
    image = noise(8, 8)
    np.testing.assert_array_equal(augmentation.crop(image, 8, SEEDS[0]), image)


def test_a_rotation_turns_about_the_centre():
    quarter = augmentation._turn(tf.constant(noise(9, 9), tf.float32), np.pi / 2)
    np.testing.assert_allclose(quarter, np.rot90(noise(9, 9)), atol=1e-2)


def test_a_rotation_agrees_with_pillow():
    image = noise(48, 64, 1).astype(np.float32)
    turned = augmentation._turn(tf.constant(image), math.radians(8.0))[..., 0].numpy()
    reference = Image.fromarray(image[..., 0]).rotate(8.0, Image.Resampling.BILINEAR)
    inside = (slice(8, -8), slice(8, -8))  # Pillow does not mirror at the border.
    np.testing.assert_allclose(turned[inside], np.asarray(reference)[inside], atol=0.1)


def test_a_rotation_mirrors_what_comes_in_from_outside():
    picture = np.full((24, 24, 1), 100.0, np.float32)
    picture[8:16, 8:16] = 0.0
    turned = augmentation._turn(tf.constant(picture), math.radians(10.0)).numpy()
    border = np.concatenate([turned[0], turned[-1], turned[:, 0], turned[:, -1]])
    np.testing.assert_allclose(border, 100.0, rtol=1e-5)


def test_rotation_angles_stay_within_their_bound_and_leave_a_plain_picture_plain():
    line = np.zeros((65, 65, 1), np.float32)
    line[32, :] = 1.0  # Through the centre: at column 57, 25 px from it, it rises by 25 tan(angle).
    rises = []
    for seed in SEEDS:
        column = augmentation.rotate(line, seed, degrees=10.0)[:, 57, 0].numpy()
        rises.append(32 - (column * np.arange(65)).sum() / column.sum())
    angles = np.rad2deg(np.arctan(np.array(rises) / 25))
    assert np.abs(angles).max() <= 10.05
    assert angles.min() < -9 and angles.max() > 9 and abs(angles.mean()) < 1.5
    plain = np.full((20, 30, 3), 0.25, np.float32)
    np.testing.assert_allclose(augmentation.rotate(plain, SEEDS[0], degrees=45.0), plain)


def test_colour_keeps_grey_grey_and_alpha_as_it_is():
    picture = np.random.default_rng(0).uniform(-1, 1, (8, 8, 4)).astype(np.float32)
    picture[..., 1:3] = picture[..., :1]  # grey, with an alpha of its own
    changed = augmentation.colour(picture, SEEDS[0]).numpy()
    np.testing.assert_array_equal(changed[..., 3], picture[..., 3])
    np.testing.assert_allclose(changed[..., 0], changed[..., 1], atol=1e-6)
    np.testing.assert_allclose(changed[..., 0], changed[..., 2], atol=1e-6)
    assert np.abs(changed[..., 0] - picture[..., 0]).max() > 0.01


def test_colour_changes_brightness_contrast_and_saturation_within_their_bounds():
    picture = np.random.default_rng(0).uniform(-0.5, 0.5, (8, 8, 3)).astype(np.float32)
    chroma = picture[..., 0] - picture[..., 2]
    contrasts, saturations, shifts = [], [], []
    for seed in SEEDS:
        grey = augmentation.colour(picture[..., :1], seed).numpy()
        colours = augmentation.colour(picture, seed).numpy()
        contrasts.append(grey.std() / picture[..., 0].std())
        shifts.append(grey.mean() - picture[..., 0].mean())
        factor = np.vdot(colours[..., 0] - colours[..., 2], chroma) / np.vdot(chroma, chroma)
        saturations.append(factor / contrasts[-1])
        # Saturation leaves luma alone, and contrast and brightness are linear.
        lumas = [(rgb @ [0.299, 0.587, 0.114]).ravel() for rgb in (colours, picture)]
        assert np.corrcoef(lumas)[0, 1] > 0.99999
    for values, middle in ((contrasts, 1.0), (saturations, 1.0), (shifts, 0.0)):
        deviations = np.array(values) - middle
        assert deviations.min() < -0.17 and deviations.max() > 0.17
        assert np.abs(deviations).max() <= 0.2 + 1e-5
    assert abs(np.corrcoef(contrasts, shifts)[0, 1]) < 0.3


def test_colour_is_clipped():
    black_and_white = np.where(noise() < 128, -1.0, 1.0).astype(np.float32)
    for seed in SEEDS[:20]:
        assert np.abs(augmentation.colour(black_and_white, seed)).max() <= 1.0


def test_without_augmentation_only_the_range_changes():
    image = noise()
    np.testing.assert_array_equal(
        augmentation.augment(image, SEEDS[0], (), None), to_float(tf.constant(image))
    )


def test_all_together_are_a_pure_function_of_the_seed_inside_a_graph_too():
    image = tf.constant(noise(40, 40))
    names = AUGMENTATIONS
    eager = augmentation.augment(image, SEEDS[1], names, 32)
    assert eager.shape == (32, 32, 3) and eager.dtype == tf.float32
    assert np.abs(eager).max() <= 1.0
    graph = tf.function(lambda image, seed: augmentation.augment(image, seed, names, 32))
    np.testing.assert_allclose(graph(image, SEEDS[1]), eager, atol=1e-5)
    assert np.abs(graph(image, SEEDS[2]) - eager).max() > 0.1


@pytest.mark.parametrize("dropped", ("rotate", "colour"))
def test_one_augmentation_does_not_change_what_another_does(dropped):
    """With and without `dropped`, the crop and the flip are those of the same seed."""
    image = np.zeros((33, 33, 1), np.uint8)
    image[16, 16] = 255  # The centre, which a rotation leaves in place.
    names = [name for name in AUGMENTATIONS if name != dropped]
    for seed in SEEDS[:20]:
        brightest = [
            np.argmax(augmentation.augment(tf.constant(image), seed, chosen, 30))
            for chosen in (AUGMENTATIONS, names)
        ]
        assert brightest[0] == brightest[1]


def test_a_quarter_turn_of_nearest_pixels_is_exact():
    quarter = augmentation._turn(tf.constant(noise(9, 9), tf.float32), np.pi / 2, nearest=True)
    np.testing.assert_array_equal(quarter, np.rot90(noise(9, 9)))


def test_label_maps_are_moved_like_pictures_but_never_mixed():
    """A disc of class 7 in class 250: where it goes, a bright disc of a picture goes."""
    rows, columns = np.mgrid[:60, :70]
    inside = ((rows - 20) ** 2 + (columns - 45) ** 2 < 100)[..., np.newaxis]
    labels = tf.constant(np.where(inside, 7, 250).astype(np.uint8))
    picture = tf.constant(np.where(inside, 255, 0).astype(np.uint8))
    for seed in SEEDS[:20]:
        moved = to_uint8(augmentation.augment(labels, seed, AUGMENTATIONS, 50, labels=True))
        bright = augmentation.augment(picture, seed, ("rotate", "crop", "flip"), 50) > 0
        assert set(np.unique(moved)) <= {7, 250}
        assert np.mean((moved == 7) != bright) < 0.01
        assert np.any(moved == 7)
