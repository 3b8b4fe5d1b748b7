"""Errors of a translation: against the target, and of the cycle.

All errors are on the 0-255 scale, of images rounded to uint8 as they would be saved.
"""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from cyclegan_tf.evaluation.figures import CHANGED_ABOVE, Figures
from cyclegan_tf.images.images import to_uint8

TensorFunction = Callable[[tf.Tensor], tf.Tensor]


def cycle_figures(
    inputs: Sequence[tf.Tensor], translated: Sequence[tf.Tensor], back: TensorFunction
) -> Figures:
    """Measure the reconstruction error of the cycle.

    Args:
        inputs: Images, each float32 `(1, height, width, channels)` in [-1, 1].
        translated: Their translations.
        back: The generator of the opposite direction.

    Returns:
        `cycle_mae`: the mean absolute error (0-255 scale).
    """
    errors = [
        np.mean(_difference(back(fake), real))
        for real, fake in zip(inputs, translated, strict=True)
    ]
    return {"cycle_mae": float(np.mean(errors))}


def truth_figures(
    translated: Sequence[tf.Tensor], inputs: Sequence[tf.Tensor], truths: Sequence[tf.Tensor]
) -> dict[str, Figures]:
    """Compare translations with their targets, and the unchanged inputs as a baseline.

    Args:
        translated: Translations, each float32 `(1, height, width, channels)` in [-1, 1].
        inputs: Their inputs.
        truths: Their targets.

    Returns:
        Metrics of `translation` and, if the domains have equal channels, `unchanged_input`:
        `mae` (0-255 scale), `psnr` (dB, 100 for equal images), `ssim` (Wang et al. 2004, 11 px
        window) and, for equal channels, `changed_mae` and `kept_mae`: the error over the pixels
        in which input and target differ by more than `CHANGED_ABOVE` in some channel, and over
        the others. Metrics over an empty set of pixels are omitted.
    """
    comparable = inputs[0].shape[-1] == truths[0].shape[-1]
    rows = {"translation": _compare(translated, inputs, truths)}
    if comparable:
        rows["unchanged_input"] = _compare(inputs, inputs, truths)
    return rows


def _compare(
    pictures: Sequence[tf.Tensor], inputs: Sequence[tf.Tensor], truths: Sequence[tf.Tensor]
) -> Figures:
    sums = {"changed_mae": [0.0, 0], "kept_mae": [0.0, 0]}
    single: dict[str, list[float]] = {"mae": [], "psnr": [], "ssim": []}
    for picture, original, truth in zip(pictures, inputs, truths, strict=True):
        error = _difference(picture, truth)
        single["mae"].append(float(error.mean()))
        levels, target = to_uint8(picture), to_uint8(truth)
        single["psnr"].append(min(float(tf.image.psnr(levels, target, 255)[0]), 100.0))
        if min(error.shape[1:3]) >= 11:
            single["ssim"].append(float(tf.image.ssim(levels, target, 255)[0]))
        if original.shape == truth.shape:
            changed = _difference(original, truth).max(axis=-1) > CHANGED_ABOVE
            for name, chosen in (("changed_mae", changed), ("kept_mae", ~changed)):
                sums[name][0] += float(error[chosen].sum())
                sums[name][1] += error[chosen].size
    figures = {name: float(np.mean(values)) for name, values in single.items() if values}
    return figures | {name: total / count for name, (total, count) in sums.items() if count}


def _difference(picture: tf.Tensor, truth: tf.Tensor) -> np.ndarray:
    levels = (to_uint8(tensor).numpy().astype(np.int16) for tensor in (picture, truth))
    return np.abs(np.subtract(*levels))
