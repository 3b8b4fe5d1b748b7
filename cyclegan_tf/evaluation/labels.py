"""Label maps, which contain the class index of each pixel: accuracy metrics and colouring."""

from collections.abc import Sequence

import numpy as np

MAX_CLASSES = 256


def label_figures(
    predicted: Sequence[np.ndarray], truths: Sequence[np.ndarray]
) -> dict[str, float]:
    """Compare label maps with the ground truth, over all pixels of all maps.

    Args:
        predicted: Class indices in [0, 255], integers, of any shape.
        truths: The ground truth, one map of the same shape for each prediction.

    Returns:
        - `pixel_accuracy`: the share of pixels with the right class.
        - `mean_iou`: intersection over union of predicted and true pixels of a class, averaged
          over all classes that occur.

    Raises:
        ValueError: If there are no pixels, shapes differ, or an index is not a class.

    Reference:
        Everingham et al., https://doi.org/10.1007/s11263-014-0733-5, section 4.2
    """
    matrix = np.zeros((MAX_CLASSES, MAX_CLASSES), np.int64)
    for pair in zip(predicted, truths, strict=True):
        matrix += confusion(*pair)
    if not np.any(matrix):
        raise ValueError(f"there are no pixels to compare. Received: {len(predicted)} maps")
    both = np.diagonal(matrix)
    either = matrix.sum(axis=0) + matrix.sum(axis=1) - both
    occurs = either > 0
    return {
        "pixel_accuracy": float(both.sum() / matrix.sum()),
        "mean_iou": float(np.mean(both[occurs] / either[occurs])),
    }


def confusion(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Compute the confusion matrix, with true classes as rows and predicted classes as columns.

    Args:
        predicted: Class indices in [0, 255], integers, of any shape.
        truth: The ground truth, of the same shape.

    Returns:
        Numbers of pixels, int64 `(256, 256)`.

    Raises:
        ValueError: If the shapes differ, or an index is not a class.
    """
    predicted, truth = np.asarray(predicted), np.asarray(truth)
    if predicted.shape != truth.shape:
        raise ValueError(
            f"maps must have the same shape. Received: {predicted.shape} and {truth.shape}"
        )
    pairs = MAX_CLASSES * _checked(truth) + _checked(predicted)
    counts = np.bincount(pairs.ravel(), minlength=MAX_CLASSES**2)
    return counts.reshape(MAX_CLASSES, MAX_CLASSES)


def coloured(labels: np.ndarray) -> np.ndarray:
    """Colour a label map for display, with a distinct colour for each class.

    Class 0 is black; the others have the colours of PASCAL VOC.

    Args:
        labels: Class indices in [0, 255], integers, `(..., height, width, 1)`.

    Returns:
        uint8 in [0, 255], `(..., height, width, 3)`.

    Raises:
        ValueError: If an index is not a class.
    """
    return _palette()[_checked(np.asarray(labels))[..., 0]]


def _checked(labels: np.ndarray) -> np.ndarray:
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be integers. Received: {labels.dtype}")
    if labels.size and not 0 <= labels.min() <= labels.max() < MAX_CLASSES:
        raise ValueError(f"labels must be in [0, 255]. Received: {labels.min()}, {labels.max()}")
    return labels.astype(np.int64)


def _palette() -> np.ndarray:
    # The bits of an index, in threes from the lowest, become the bits of red, green and blue from
    # the highest, so that small indices get distant colours and all colours are distinct.
    numbers = np.arange(MAX_CLASSES)
    colors = np.zeros((MAX_CLASSES, 3), int)
    for bit in range(8):
        colors[:, bit % 3] |= ((numbers >> bit) & 1) << (7 - bit // 3)
    return colors.astype(np.uint8)
