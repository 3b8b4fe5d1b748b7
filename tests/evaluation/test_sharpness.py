"""Sharpness relative to the truth, where it is known by thought."""

import numpy as np
import pytest

from cyclegan_tf.evaluation.sharpness import laplacian_energy, sharpness


def noise(height=24, width=20):
    return np.random.default_rng(0).uniform(-1, 1, (2, height, width, 3))


def blurred(pictures):
    """Mean of each pixel and its right neighbour; the last column is lost."""
    return 0.5 * (pictures[:, :, 1:] + pictures[:, :, :-1])


def test_a_picture_is_as_sharp_as_itself_anywhere_in_its_range():
    np.testing.assert_allclose(sharpness(noise(), noise()), [1.0, 1.0])
    np.testing.assert_allclose(sharpness(noise() + 5.0, noise()), [1.0, 1.0])
    np.testing.assert_allclose(sharpness(noise()[:, ::-1], noise()), [1.0, 1.0])


def test_contrast_counts_as_a_square():
    np.testing.assert_allclose(sharpness(0.5 * noise(), noise()), [0.25, 0.25])


def test_blur_makes_less_sharp_and_more_blur_more_so():
    truth = noise()
    once, twice = blurred(truth), blurred(blurred(truth))
    first = sharpness(once, truth[:, :, :-1])
    second = sharpness(twice, truth[:, :, :-2])
    assert (second < 0.7 * first).all()
    assert (first < 0.7).all()


def test_the_mean_of_two_answers_is_less_sharp_than_either():
    edge = np.zeros((1, 9, 16, 1))
    edge[:, :, 8:] = 1.0
    moved = np.roll(edge, 2, axis=2)
    moved[:, :, :2] = 0.0
    # Of the steps of an edge each gives 1 on two pixels; halves of them give a quarter on four.
    np.testing.assert_allclose(sharpness(0.5 * (edge + moved), edge), [0.5])


def test_the_energy_of_pictures_known_by_thought():
    y, x = np.mgrid[:8, :8].astype(float)
    plane, bowl, board = 3 * x - 2 * y, x**2 + y**2, (x + y) % 2
    energies = laplacian_energy(np.stack([plane, bowl, board])[..., None])
    np.testing.assert_allclose(energies, [0.0, 16.0, 16.0], atol=1e-12)


def test_levels_do_not_wrap_around():
    board = (np.indices((8, 8)).sum(0) % 2 * 255).astype(np.uint8)[None, ..., None]
    np.testing.assert_allclose(laplacian_energy(board), [16.0 * 255**2])


def test_beside_a_truth_without_detail_there_is_no_figure():
    flat = np.zeros((2, 8, 8, 1))
    detail = flat.copy()
    detail[0, 4, 4] = 1.0
    found = sharpness(detail, flat)
    assert found[0] == np.inf
    assert np.isnan(found[1])


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="same shape"):
        sharpness(noise(8, 8), noise(8, 9))
    with pytest.raises(ValueError, match="3x3"):
        laplacian_energy(noise(2, 8))
