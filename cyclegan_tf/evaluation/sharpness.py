"""How sharp pictures are, compared with the truth: what a low error does not tell.

Where several answers are possible, the one with the least squared error is their mean and the
one with the least absolute error their median, and both are blurred.
"""

import numpy as np


def sharpness(pictures: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Compares pictures' energy of the Laplacian with that of their truths.

    It looks at fine detail only, wherever it is: a picture that is sharp in the wrong places, or
    noisy, is as sharp as the truth or sharper.

    Args:
        pictures: Of any real dtype and range, `(batch, height, width, channels)`.
        truths: Of the same shape and range.

    Returns:
        A ratio for each picture, float64 `(batch,)`: 1 for a picture as sharp as the truth, less
        for a blurred one; infinite or NaN where the truth has no detail.

    Raises:
        ValueError: If the shapes differ, or pictures are smaller than 3x3.
    """
    if np.shape(pictures) != np.shape(truths):
        raise ValueError(
            f"pictures and truths should have one shape. Received: {np.shape(pictures)} and "
            f"{np.shape(truths)}"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        return laplacian_energy(pictures) / laplacian_energy(truths)


def laplacian_energy(pictures: np.ndarray) -> np.ndarray:
    """Computes the mean square of the Laplacian: of a pixel's four neighbours less four times it.

    Args:
        pictures: Of any real dtype, `(batch, height, width, channels)`, at least 3x3.

    Returns:
        float64 `(batch,)`; pixels at the border are left out.

    Raises:
        ValueError: If the pictures are smaller than 3x3.

    Reference:
        Subbarao et al., Focusing techniques, Optical Engineering 32(11), 1993; as LAP1 in the
        comparison of Pertuz et al., https://doi.org/10.1016/j.patcog.2012.11.011
    """
    x = np.asarray(pictures, np.float64)
    if min(x.shape[1:3]) < 3:
        raise ValueError(f"`pictures` should be at least 3x3. Received: {x.shape}")
    middle = x[:, 1:-1, 1:-1]
    vertical = x[:, :-2, 1:-1] + x[:, 2:, 1:-1]
    horizontal = x[:, 1:-1, :-2] + x[:, 1:-1, 2:]
    return np.mean((vertical + horizontal - 4.0 * middle) ** 2, axis=(1, 2, 3))
