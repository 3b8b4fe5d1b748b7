"""The official preprocess modes, against sizes computed by hand."""

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.config.run_options import PREPROCESS
from cyclegan_tf.data.geometry import Geometry
from cyclegan_tf.errors import UserError


def noise(height, width, channels=3):
    shape = (height, width, channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


# What base_dataset.py of the official PyTorch code does to (height, width) before the crop, with
# load_size 286 and crop_size 256; sides that are then rounded to a multiple of 4 say so.
@pytest.mark.parametrize(
    "preprocess, size, fitted, output",
    [
        ("resize_and_crop", (300, 500), (286, 286), (256, 256)),
        ("resize_and_crop", (10, 20), (286, 286), (256, 256)),
        ("resize", (300, 500), (288, 288), (288, 288)),  # 286, rounded
        ("crop", (300, 500), (300, 500), (256, 256)),
        ("crop", (128, 64), (512, 256), (256, 256)),  # enlarged to cover the crop
        ("scale_width", (300, 572), (256, 288), (None, 288)),  # 150 is raised to 256; 286, rounded
        ("scale_width", (600, 572), (300, 288), (None, 288)),
        ("scale_width_and_crop", (600, 572), (300, 286), (256, 256)),
        ("scale_width_and_crop", (300, 572), (256, 286), (256, 256)),
        ("none", (301, 503), (300, 504), (None, None)),
        ("none", (1, 2), (4, 4), (None, None)),
    ],
)
def test_sizes(preprocess, size, fitted, output):
    geometry = Geometry(preprocess, load_size=286, crop_size=256)
    image = geometry.fit(noise(*size))
    assert image.dtype == np.uint8 and image.shape == (*fitted, 3)
    assert geometry.output_size == output
    assert geometry.crop == (256 if preprocess.endswith("crop") else None)


@pytest.mark.parametrize(
    "preprocess, fitted, output",
    [
        ("resize", (256, 256), (256, 256)),  # 286, rounded
        ("scale_width", (512, 256), (None, 256)),  # 500 and 286
        ("none", (256, 512), (None, None)),  # 300 and 500
        ("resize_and_crop", (286, 286), (256, 256)),  # The crop is what the networks see.
    ],
)
def test_sides_are_multiples_of_what_the_networks_need(preprocess, fitted, output):
    geometry = Geometry(preprocess, load_size=286, crop_size=256, multiple=256)
    size = (500, 286) if preprocess == "scale_width" else (300, 500)
    assert geometry.fit(noise(*size)).shape == (*fitted, 3)
    assert geometry.output_size == output


@pytest.mark.parametrize("size", [(32, 32), (7, 90), (123, 50)])
def test_nearest_resizing_never_mixes_values(size):
    labels = np.where(noise(*size, 1) < 128, 3, 200).astype(np.uint8)
    fitted = Geometry("resize", load_size=48, nearest=True).fit(labels)
    assert fitted.shape == (48, 48, 1) and fitted.dtype == np.uint8
    assert set(np.unique(fitted)) == {3, 200}


def test_nearest_resizing_keeps_blocks_in_their_place():
    blocks = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    nearest = Geometry("resize", load_size=16, nearest=True)
    np.testing.assert_array_equal(nearest.fit(blocks), np.kron(blocks, np.ones((4, 4, 1))))
    np.testing.assert_array_equal(
        Geometry("resize", load_size=4, nearest=True).fit(nearest.fit(blocks)), blocks
    )


@pytest.mark.parametrize("preprocess", PREPROCESS)
@pytest.mark.parametrize("channels", (1, 2, 3, 4))
def test_a_picture_of_the_right_size_is_untouched(preprocess, channels):
    image = noise(64, 64, channels)
    fitted = Geometry(preprocess, load_size=64, crop_size=64).fit(image)
    np.testing.assert_array_equal(fitted, image)


@pytest.mark.parametrize("channels", (1, 3))
def test_resizing_is_pillows_bicubic(channels):
    image = noise(50, 70, channels)
    fitted = Geometry("resize", load_size=32).fit(image)
    for channel in range(channels):
        plane = Image.fromarray(image[..., channel]).resize((32, 32), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(fitted[..., channel], np.asarray(plane))


def test_impossible_geometries_are_refused():
    with pytest.raises(UserError, match="must be one of .* not 'stretch'"):
        Geometry("stretch")
    with pytest.raises(UserError, match="300.*at most.*286"):
        Geometry("resize_and_crop", load_size=286, crop_size=300)
    Geometry("crop", load_size=286, crop_size=300)  # Does not use load_size.
