"""Errors against the truth, on pictures whose errors are known by thought."""

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.evaluation.truth import cycle_figures, truth_figures


def picture(levels):
    """A network's picture, of the levels 0 to 255 of an array (height, width, channels)."""
    return tf.constant(np.asarray(levels)[None] / 127.5 - 1.0, tf.float32)


def plain(level, shape=(16, 16, 3)):
    return picture(np.full(shape, float(level)))


def painted(*changes, base=100.0, shape=(16, 16, 3)):
    """A plain picture in which some (index, level) are different."""
    levels = np.full(shape, base)
    for index, level in changes:
        levels[index] = level
    return picture(levels)


def test_a_perfect_translation_has_no_errors():
    truth = painted((np.s_[:8, :, 0], 200.0))
    row = truth_figures([truth], [plain(100)], [truth])["translation"]
    assert row == pytest.approx(
        {"mae": 0.0, "psnr": 100.0, "ssim": 1.0, "changed_mae": 0.0, "kept_mae": 0.0}
    )


def test_leaving_the_input_as_it_is_errs_where_the_truths_differ():
    # The left half differs by 100 in one channel of three.
    inputs, truth = plain(100), painted((np.s_[:, :8, 0], 200.0))
    rows = truth_figures([truth], [inputs], [truth])
    unchanged = rows["unchanged_input"]
    assert unchanged["changed_mae"] == pytest.approx(100 / 3)
    assert unchanged["kept_mae"] == 0.0
    assert unchanged["mae"] == pytest.approx(100 / 6)
    assert unchanged["psnr"] == pytest.approx(10 * np.log10(255**2 / (100**2 / 6)), rel=1e-5)
    assert unchanged == truth_figures([inputs], [inputs], [truth])["translation"]


def test_errors_are_told_apart_by_where_the_truths_differ_not_by_where_the_translation_errs():
    inputs, truth = plain(100), painted((np.s_[:, :4], 150.0))
    translated = painted((np.s_[:, :4], 140.0), (np.s_[:, 4:], 103.0))
    row = truth_figures([translated], [inputs], [truth])["translation"]
    assert row["changed_mae"] == pytest.approx(10.0)
    assert row["kept_mae"] == pytest.approx(3.0)
    assert row["mae"] == pytest.approx((10 * 4 + 3 * 12) / 16)


def test_a_pixel_has_changed_when_some_channel_differs_by_more_than_eight():
    truth = painted((np.s_[0, 0, 1], 108.0), (np.s_[5, 5, 2], 109.0), (np.s_[6, 6, 0], 91.0))
    translated = painted((np.s_[0, 0], 130.0), (np.s_[5, 5], 109.0), (np.s_[6, 6], 91.0))
    row = truth_figures([translated], [plain(100)], [truth])["translation"]
    # Changed are the two pixels, each right in one channel and 9 off in two.
    assert row["changed_mae"] == pytest.approx(6.0)
    # The pixel that differs by 8 counts as kept.
    assert row["kept_mae"] == pytest.approx((30 + 22 + 30) / (3 * (16 * 16 - 2)))


def test_pixels_count_alike_whichever_picture_they_are_in():
    inputs = [plain(100)] * 2
    truths = [painted((np.s_[0, 0], 200.0)), painted((np.s_[1, :3], 200.0))]
    translated = [painted((np.s_[0, 0], 190.0)), painted((np.s_[1, :3], 180.0))]
    row = truth_figures(translated, inputs, truths)["translation"]
    assert row["changed_mae"] == pytest.approx((1 * 10 + 3 * 20) / 4)


@pytest.mark.parametrize(
    ("truth", "there", "missing"), [(101, "kept", "changed"), (150, "changed", "kept")]
)
def test_an_empty_set_of_pixels_has_no_figure(truth, there, missing):
    rows = truth_figures([plain(truth)], [plain(100)], [plain(truth)])
    for row in rows.values():
        assert f"{there}_mae" in row
        assert f"{missing}_mae" not in row


def test_figures_of_plain_pictures_follow_their_formulas():
    row = truth_figures([plain(100)], [plain(100)], [plain(120)])["translation"]
    assert row["mae"] == pytest.approx(20.0)
    assert row["psnr"] == pytest.approx(20 * np.log10(255 / 20), rel=1e-5)
    # Without variance, SSIM compares means only (Wang et al., equation 6).
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 120 + c1) / (100**2 + 120**2 + c1)
    assert row["ssim"] == pytest.approx(expected, rel=1e-3)


def test_pictures_are_compared_as_they_would_be_saved():
    row = truth_figures([plain(100.4)], [plain(0)], [plain(99.6)])["translation"]
    assert (row["mae"], row["psnr"]) == (0.0, 100.0)


def test_pictures_smaller_than_its_window_have_no_ssim():
    small = plain(100, (8, 16, 3))
    assert "ssim" not in truth_figures([small], [small], [small])["translation"]


def test_between_unequal_channels_only_the_translation_is_measured():
    gray, colour = plain(100, (16, 16, 1)), plain(110)
    rows = truth_figures([colour], [gray], [colour])
    assert set(rows) == {"translation"}
    assert set(rows["translation"]) == {"mae", "psnr", "ssim"}


def test_pictures_of_different_sizes_can_be_measured_together():
    pictures = [plain(100, (12, 16, 3)), plain(100, (20, 12, 3))]
    truths = [plain(110, (12, 16, 3)), plain(130, (20, 12, 3))]
    assert truth_figures(pictures, pictures, truths)["translation"]["mae"] == pytest.approx(20.0)


def test_the_cycles_error():
    inputs = [plain(100), plain(200)]
    assert cycle_figures(inputs, inputs, lambda image: image) == {"cycle_mae": 0.0}
    found = cycle_figures(inputs, inputs, lambda image: image + 3 / 127.5)
    assert found == pytest.approx({"cycle_mae": 3.0})
    # The way back starts from the translations.
    found = cycle_figures(inputs, [plain(0), plain(0)], lambda image: image)
    assert found == pytest.approx({"cycle_mae": 150.0})
