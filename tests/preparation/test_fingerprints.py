"""Fingerprints: what changes a file but not a picture leaves them near."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from cyclegan_tf.preparation.fingerprints import edges, fingerprint, near_pairs


def picture(seed=0, size=(96, 80)):
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 5, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def prints(tmp_path, *pictures):
    found = []
    for number, (image, suffix) in enumerate(pictures):
        path = tmp_path / f"{number}.{suffix}"
        image.save(path, **({"quality": 40} if suffix == "jpg" else {}))
        found.append(fingerprint(path))
    return found


@pytest.mark.parametrize(
    "change",
    [
        lambda image: (image, "jpg"),
        lambda image: (image.resize((240, 200)), "png"),
        lambda image: (image.resize((48, 40)), "jpg"),
        lambda image: (ImageEnhance.Brightness(image).enhance(0.8), "png"),
        lambda image: (image.quantize(256), "png"),
    ],
)
def test_a_picture_stored_otherwise_is_near_and_not_the_same(tmp_path, change):
    one, other = prints(tmp_path, (picture(), "png"), change(picture()))
    assert one.pixel_digest != other.pixel_digest
    assert list(near_pairs([one, other])) == [(0, 1)]


def test_other_pictures_are_not_near(tmp_path):
    found = prints(tmp_path, *((picture(seed), "png") for seed in range(30)))
    assert list(near_pairs(found)) == []


def test_plain_pictures_are_near_to_nothing(tmp_path):
    plain = [Image.new("RGB", (32, 32), colour) for colour in ("red", (254, 1, 0))]
    assert list(near_pairs(prints(tmp_path, *((image, "png") for image in plain)))) == []


def test_pairs_are_found_across_blocks_and_once(tmp_path):
    (one, twin) = prints(tmp_path, (picture(), "png"), (picture(), "jpg"))
    others = prints(tmp_path, *((picture(seed), "png") for seed in range(1, 9)))
    many = [one, *(others * 128)[:1000], twin]
    # The eight others repeat; what is asked here is the pair at both ends.
    assert [pair for pair in near_pairs(many) if 0 in pair] == [(0, 1001)]
    pairs = list(near_pairs(many))
    assert len(pairs) == len(set(pairs)) and all(i < j for i, j in pairs)
    assert len(pairs) == 1 + 8 * 125 * 124 // 2


def test_bytes_differ_where_pixels_agree(tmp_path):
    one, other = prints(tmp_path, (picture(), "png"), (picture(), "bmp"))
    assert one.pixel_digest == other.pixel_digest and one.file_digest != other.file_digest


def test_pixels_are_told_from_the_same_bytes_in_another_shape(tmp_path):
    plain = [Image.new("RGB", size, "red") for size in ((8, 4), (4, 8))]
    one, other = prints(tmp_path, *((image, "png") for image in plain))
    assert one.pixel_digest != other.pixel_digest


def test_grey_is_told_from_colour_however_it_is_stored(tmp_path):
    grey = picture().convert("L")
    found = prints(tmp_path, (picture(), "png"), (grey, "png"), (grey.convert("RGB"), "jpg"))
    assert [one.is_grey for one in found] == [False, True, True]
    assert [one.mode for one in found] == ["RGB", "L", "RGB"]


def test_edges_are_those_of_a_ramp():
    ramp = np.zeros((1, 4, 4, 3), np.uint8)
    ramp[:] = (np.arange(4) * 10)[:, None]
    rows, columns = np.split(edges(ramp), 2, axis=1)
    np.testing.assert_array_equal(rows, 0)
    np.testing.assert_allclose(columns, 1 / 6)  # 36 equal parts of a vector of length 1.
    np.testing.assert_allclose(edges(ramp // 5), edges(ramp), rtol=1e-6)
    assert not edges(ramp * 0).any()
