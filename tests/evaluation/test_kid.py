"""The kernel distance: known values, no bias, and an error that is the spread it claims."""

import numpy as np
import pytest

from cyclegan_tf.evaluation.kid import kernel_distance


def by_loops(x, y):
    def kernel(a, b):
        return (sum(p * q for p, q in zip(a, b, strict=True)) / len(a) + 1.0) ** 3

    same = [
        np.mean([kernel(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j])
        for s in (x, y)
    ]
    return sum(same) - 2.0 * np.mean([kernel(a, b) for a in x for b in y])


def sample(rng, count, shift=0.0):
    return rng.normal(shift, 1.0, (count, 4))


def test_it_is_the_mean_over_pairs_of_different_pictures():
    rng = np.random.default_rng(0)
    x, y = sample(rng, 5), sample(rng, 7, 1.0)
    assert kernel_distance(x, y)[0] == pytest.approx(by_loops(x, y))


def test_sets_of_one_point_each_have_the_kernels_distance_and_no_error():
    x, y = np.ones((4, 2)), np.zeros((3, 2))
    # k(x, x) + k(y, y) - 2 k(x, y) = 8 + 1 - 2.
    assert kernel_distance(x, y) == pytest.approx((7.0, 0.0))


def test_leaving_out_a_picture_is_computed_as_if_it_was_not_there():
    rng = np.random.default_rng(1)
    x, y = sample(rng, 5), sample(rng, 4, 0.5)
    expected = 0.0
    for own, other in ((x, y), (y, x)):
        m = len(own)
        without = [kernel_distance(np.delete(own, i, 0), other)[0] for i in range(m)]
        expected += (m - 1) / m * np.sum((without - np.mean(without)) ** 2)
    assert kernel_distance(x, y)[1] == pytest.approx(np.sqrt(expected))


@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_there_is_no_bias_and_the_error_is_the_spread(shift):
    rng = np.random.default_rng(2)
    found = np.array([kernel_distance(sample(rng, 20), sample(rng, 30, shift)) for _ in range(400)])
    large = kernel_distance(sample(rng, 3000), sample(rng, 3000, shift))[0]
    standard_error = found[:, 0].std() / np.sqrt(len(found))
    assert abs(found[:, 0].mean() - large) < 5 * standard_error
    # The jackknife errs on the large side, most of all where the distance is 0.
    assert 0.9 < np.sqrt(np.mean(found[:, 1] ** 2)) / found[:, 0].std() < 1.7


def test_two_pictures_have_no_known_error_and_one_no_distance():
    x = np.arange(8.0).reshape(4, 2)
    assert kernel_distance(x[:2], x)[1] == np.inf
    with pytest.raises(ValueError, match="received 1 and 4"):
        kernel_distance(x[:1], x)
