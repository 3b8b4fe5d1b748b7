"""Sharpness of images compared with the ground truth, which error metrics do not measure.

If several outputs are plausible, their mean minimizes the squared error and their median the
absolute error. Both are blurred.
"""

import numpy as np


def sharpness(pictures: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Compute the ratio of Laplacian energy between images and their targets.

    The ratio measures the amount of fine detail, not its position: an image that is noisy or has
    detail in the wrong places may score 1 or more.

    Args:
        pictures: Images, any real dtype and range, `(batch, height, width, channels)`.
        truths: The targets, of the same shape and range.

    Returns:
        A ratio for each image, float64 `(batch,)`: 1 for an image as sharp as the target, less
        for a blurred one; Inf or NaN if the target has no detail.

    Raises:
        ValueError: If the shapes differ, or images are smaller than 3x3.
    """
    if np.shape(pictures) != np.shape(truths):
        raise ValueError(
            f"`pictures` and `truths` must have the same shape. Received: {np.shape(pictures)} and "
            f"{np.shape(truths)}"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        return laplacian_energy(pictures) / laplacian_energy(truths)


def laplacian_energy(pictures: np.ndarray) -> np.ndarray:
    """Compute the mean square of the Laplacian (sum of four neighbours minus four times the pixel).

    Args:
        pictures: Images, any real dtype, `(batch, height, width, channels)`, at least 3x3.

    Returns:
        float64 `(batch,)`; border pixels are excluded.

    Raises:
        ValueError: If the images are smaller than 3x3.

    Reference:
        Subbarao et al., Focusing techniques, Optical Engineering 32(11), 1993; called LAP1 in
        Pertuz et al., https://doi.org/10.1016/j.patcog.2012.11.011
    """
    x = np.asarray(pictures, np.float64)
    if min(x.shape[1:3]) < 3:
        raise ValueError(f"`pictures` must be at least 3x3. Received: {x.shape}")
    middle = x[:, 1:-1, 1:-1]
    vertical = x[:, :-2, 1:-1] + x[:, 2:, 1:-1]
    horizontal = x[:, 1:-1, :-2] + x[:, 1:-1, 2:]
    return np.mean((vertical + horizontal - 4.0 * middle) ** 2, axis=(1, 2, 3))
