"""Label maps, which number the class of each pixel: how right they are, and how to look at them."""

from collections.abc import Sequence

import numpy as np

MAX_CLASSES = 256


def label_figures(
    predicted: Sequence[np.ndarray], truths: Sequence[np.ndarray]
) -> dict[str, float]:
    """Compares label maps with the truth, all pixels of all maps taken together.

    Args:
        predicted: Class numbers in [0, 255], integers, of any shape.
        truths: As many, each of its partner's shape.

    Returns:
        - `pixel_accuracy`: the share of pixels that have the right class.
        - `mean_iou`: for each class, the pixels that have it in both over those that have it in
          either; the mean over all classes that occur.

    Raises:
        ValueError: If there are no pixels, if shapes differ, or if a number is no class.

    Reference:
        Everingham et al., https://doi.org/10.1007/s11263-014-0733-5, section 4.2
    """
    matrix = np.zeros((MAX_CLASSES, MAX_CLASSES), np.int64)
    for pair in zip(predicted, truths, strict=True):
        matrix += confusion(*pair)
    if not np.any(matrix):
        raise ValueError(f"there should be pixels to compare. Received: {len(predicted)} maps")
    both = np.diagonal(matrix)
    either = matrix.sum(axis=0) + matrix.sum(axis=1) - both
    occurs = either > 0
    return {
        "pixel_accuracy": float(both.sum() / matrix.sum()),
        "mean_iou": float(np.mean(both[occurs] / either[occurs])),
    }


def confusion(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Counts the pixels of each true class (row) that were given each class (column).

    Args:
        predicted: Class numbers in [0, 255], integers, of any shape.
        truth: Of the same shape.

    Returns:
        int64 `(256, 256)`.

    Raises:
        ValueError: If the shapes differ, or a number is no class.
    """
    predicted, truth = np.asarray(predicted), np.asarray(truth)
    if predicted.shape != truth.shape:
        raise ValueError(
            f"maps should have one shape. Received: {predicted.shape} and {truth.shape}"
        )
    pairs = MAX_CLASSES * _checked(truth) + _checked(predicted)
    counts = np.bincount(pairs.ravel(), minlength=MAX_CLASSES**2)
    return counts.reshape(MAX_CLASSES, MAX_CLASSES)


def coloured(labels: np.ndarray) -> np.ndarray:
    """Paints a label map for looking at it, every class in a colour of its own.

    Class 0 is black; the others have the colours that PASCAL VOC's label maps are drawn in.

    Args:
        labels: Class numbers in [0, 255], integers, `(..., height, width, 1)`.

    Returns:
        uint8 in [0, 255], `(..., height, width, 3)`.

    Raises:
        ValueError: If a number is no class.
    """
    return _palette()[_checked(np.asarray(labels))[..., 0]]


def _checked(labels: np.ndarray) -> np.ndarray:
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels should be integers. Received: {labels.dtype}")
    if labels.size and not 0 <= labels.min() <= labels.max() < MAX_CLASSES:
        raise ValueError(f"labels should be in [0, 255]. Received: {labels.min()}, {labels.max()}")
    return labels.astype(np.int64)


def _palette() -> np.ndarray:
    # The number's bits, three by three from the lowest, become bits of red, green and blue from
    # the highest: small numbers lie far apart, and no two of them are alike.
    numbers = np.arange(MAX_CLASSES)
    colors = np.zeros((MAX_CLASSES, 3), int)
    for bit in range(8):
        colors[:, bit % 3] |= ((numbers >> bit) & 1) << (7 - bit // 3)
    return colors.astype(np.uint8)
