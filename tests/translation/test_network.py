"""Translating pictures in memory: nothing resized or shifted, one alone as in a batch."""

import numpy as np
import pytest
from known_networks import identity, next_diagonal, noise

from cyclegan_tf.models.generators import generator
from cyclegan_tf.translation.network import batch_translator, translator

SIZES = [(64, 64), (65, 67), (1, 1), (5, 3), (2, 1), (4, 9)]


@pytest.fixture(scope="module")
def unchanged():
    return translator(identity())


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_picture_of_any_size_is_neither_resized_nor_shifted(unchanged, height, width):
    picture = noise(height, width)
    np.testing.assert_array_equal(unchanged(picture), picture)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_network_sees_the_picture_mirrored_to_the_right_and_below(height, width):
    picture = noise(height, width, 1)
    rows, columns = (max(-(-side // 4) * 4, 8) - side for side in (height, width))
    padded = np.pad(picture, ((0, rows), (0, columns), (0, 0)), mode="reflect")
    # Beyond what is padded, the convolution sees 0, which is the level 127.5, rounded to even.
    expected = np.pad(padded[1:, 1:], ((0, 1), (0, 1), (0, 0)), constant_values=128)
    found = translator(next_diagonal())(picture)
    np.testing.assert_array_equal(found, expected[:height, :width])


@pytest.mark.parametrize("size", [(1, 1), (3, 9), (4, 4), (4, 40), (7, 8), (9, 6)])
def test_a_real_network_takes_the_smallest_pictures(size):
    translate = translator(generator("resnet_1", filters=2))
    assert translate(np.zeros((*size, 3), np.uint8)).shape == (*size, 3)


def test_in_a_batch_each_picture_is_translated_as_alone():
    network = generator("resnet_1", filters=4, init_gain=0.5)
    pictures = np.stack([noise(21, 30, seed=seed) for seed in range(3)])
    together = batch_translator(network)(pictures)
    for picture, found in zip(pictures, together, strict=True):
        alone = translator(network)(picture)
        assert np.abs(alone.astype(int) - found).max() <= 1  # Rounding.
