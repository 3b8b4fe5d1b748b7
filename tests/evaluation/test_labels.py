"""Accuracy and intersection over union of label maps made by hand, and their colours."""

import numpy as np
import pytest

from cyclegan_tf.evaluation.labels import coloured, confusion, label_figures


def labels(*rows):
    return np.array(rows, np.uint8)[..., None]


def test_a_right_map_has_full_marks():
    truth = labels([0, 1], [2, 255])
    assert label_figures([truth], [truth]) == {"pixel_accuracy": 1.0, "mean_iou": 1.0}


def test_figures_of_a_map_made_by_hand():
    truth = labels([0, 0, 0, 1], [0, 0, 1, 1])
    found = labels([0, 0, 0, 0], [0, 1, 1, 1])
    figures = label_figures([found], [truth])
    assert figures["pixel_accuracy"] == 6 / 8
    # Class 0: 4 in both, 6 in either; class 1: 2 in both, 4 in either.
    assert figures["mean_iou"] == pytest.approx((4 / 6 + 2 / 4) / 2)


def test_a_small_class_counts_as_much_as_a_large_one():
    truth = np.zeros((10, 10, 1), np.uint8)
    truth[0, 0] = 1
    figures = label_figures([np.zeros_like(truth)], [truth])
    assert figures["pixel_accuracy"] == 0.99
    assert figures["mean_iou"] == pytest.approx((0.99 + 0.0) / 2)


def test_a_class_that_is_only_predicted_counts_and_one_that_never_occurs_does_not():
    figures = label_figures([labels([3, 3, 7, 3])], [labels([3, 3, 3, 3])])
    assert figures["mean_iou"] == pytest.approx((3 / 4 + 0.0) / 2)


def test_pixels_of_all_maps_are_counted_together():
    truths = [labels([0, 1]), labels([1, 1, 1, 1, 1, 1])]
    found = [labels([1, 1]), labels([1, 1, 1, 1, 1, 0])]
    figures = label_figures(found, truths)
    assert figures["pixel_accuracy"] == 6 / 8
    assert figures["mean_iou"] == pytest.approx((0.0 + 6 / 8) / 2)


def test_rows_are_the_truth_and_columns_what_was_given():
    matrix = confusion(labels([1, 2, 2]), labels([1, 1, 2]))
    assert matrix.sum() == 3
    assert (matrix[1, 1], matrix[1, 2], matrix[2, 2]) == (1, 1, 1)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="same shape"):
        label_figures([labels([0, 1])], [labels([0], [1])])
    with pytest.raises(ValueError, match=r"shorter|longer"):
        label_figures([labels([0])] * 2, [labels([0])])
    with pytest.raises(ValueError, match="0 maps"):
        label_figures([], [])
    with pytest.raises(ValueError, match="Received: -1, 256"):
        label_figures([np.array([-1, 256])], [np.array([0, 0])])
    with pytest.raises(ValueError, match="integers. Received: float32"):
        coloured(np.zeros((2, 2, 1), np.float32))


def test_every_class_has_a_colour_of_its_own():
    numbers = np.arange(256).reshape(16, 16, 1)
    picture = coloured(numbers)
    assert (picture.shape, picture.dtype) == ((16, 16, 3), np.uint8)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 256
    # As PASCAL VOC draws background, aeroplane, bicycle, bird, ... and the undecided outlines.
    assert picture[0, :5].tolist() == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [128, 128, 0],
        [0, 0, 128],
    ]
    assert picture[15, 15].tolist() == [224, 224, 192]


def test_maps_are_coloured_alone_or_in_batches():
    batch = np.random.default_rng(0).integers(0, 7, (2, 3, 4, 1))
    np.testing.assert_array_equal(coloured(batch)[1], coloured(batch[1]))
    assert coloured(batch).shape == (2, 3, 4, 3)
