"""The kernel distance between two sets of images, given their features."""

import numpy as np


def kernel_distance(features: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """Estimate the squared maximum mean discrepancy with the cubic kernel of KID.

    Bińkowski et al. use features of Inception. Distances are comparable only if they use the same
    features. The estimator is unbiased, so it may be negative for similar sets.

    Args:
        features: Features of a set, float `(images, channels)`, at least two images.
        others: Features of the other set, with the same number of channels.

    Returns:
        The estimate, and its jackknife (leave-one-out) standard error.

    Raises:
        ValueError: If a set has fewer than two images.

    Reference:
        Bińkowski et al., "Demystifying MMD GANs", https://arxiv.org/abs/1801.01401;
        Arvesen, "Jackknifing U-Statistics", Annals of Mathematical Statistics 40, 1969
    """
    x, y = (np.asarray(rows, np.float64) for rows in (features, others))
    m, n = len(x), len(y)
    if min(m, n) < 2:
        raise ValueError(f"both sets need at least two images; received {m} and {n}")
    xx, yy, xy = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    # An image is not compared with itself.
    np.fill_diagonal(xx, 0.0)
    np.fill_diagonal(yy, 0.0)
    estimate = xx.sum() / (m * (m - 1)) + yy.sum() / (n * (n - 1)) - 2.0 * xy.mean()
    variance = _jackknife(xx, yy, xy) + _jackknife(yy, xx, xy.T)
    return float(estimate), float(np.sqrt(variance))


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1.0) ** 3


def _jackknife(own: np.ndarray, other: np.ndarray, cross: np.ndarray) -> float:
    """Compute the variance due to the images of the first set; infinite for two images."""
    m, n = cross.shape
    if m < 3:
        return float("inf")
    without = (own.sum() - 2.0 * own.sum(axis=1)) / ((m - 1) * (m - 2))
    without = without + other.sum() / (n * (n - 1))
    without = without - 2.0 * (cross.sum() - cross.sum(axis=1)) / ((m - 1) * n)
    return float((m - 1) / m * np.sum((without - without.mean()) ** 2))
