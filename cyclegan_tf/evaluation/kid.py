"""The kernel distance between two sets of pictures, given their features."""

import numpy as np


def kernel_distance(features: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """Estimates the squared maximum mean discrepancy, with the cubic kernel of KID.

    Bińkowski et al. take features of Inception; whichever are given here, distances are only
    comparable with others of the same features. The estimate has no bias, so it may be
    negative for sets that are alike.

    Args:
        features: Float `(pictures, channels)`, at least two pictures.
        others: Likewise, with as many channels.

    Returns:
        The estimate, and its standard error by leaving out each picture once (the jackknife).

    Raises:
        ValueError: If a set has fewer than two pictures.

    Reference:
        Bińkowski et al., "Demystifying MMD GANs", https://arxiv.org/abs/1801.01401;
        Arvesen, "Jackknifing U-Statistics", Annals of Mathematical Statistics 40, 1969
    """
    x, y = (np.asarray(rows, np.float64) for rows in (features, others))
    m, n = len(x), len(y)
    if min(m, n) < 2:
        raise ValueError(f"a distance needs two pictures on both sides; received {m} and {n}")
    xx, yy, xy = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    # A picture is not compared with itself.
    np.fill_diagonal(xx, 0.0)
    np.fill_diagonal(yy, 0.0)
    estimate = xx.sum() / (m * (m - 1)) + yy.sum() / (n * (n - 1)) - 2.0 * xy.mean()
    variance = _jackknife(xx, yy, xy) + _jackknife(yy, xx, xy.T)
    return float(estimate), float(np.sqrt(variance))


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1.0) ** 3


def _jackknife(own: np.ndarray, other: np.ndarray, cross: np.ndarray) -> float:
    """Computes the variance that the first set's pictures bring in; infinite for two pictures."""
    m, n = cross.shape
    if m < 3:
        return float("inf")
    without = (own.sum() - 2.0 * own.sum(axis=1)) / ((m - 1) * (m - 2))
    without = without + other.sum() / (n * (n - 1))
    without = without - 2.0 * (cross.sum() - cross.sum(axis=1)) / ((m - 1) * n)
    return float((m - 1) / m * np.sum((without - without.mean()) ** 2))
