"""Evaluation of a run on its test split: metrics and a gallery."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from cyclegan_tf.config.direction import Direction
from cyclegan_tf.evaluation.labels import coloured, label_figures
from cyclegan_tf.evaluation.truth import TensorFunction, cycle_figures, truth_figures
from cyclegan_tf.images.images import to_uint8
from cyclegan_tf.images.sheets import grid
from cyclegan_tf.progress import progress_bar

GALLERY_ROWS = 12
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        figures: Metrics by direction (`a2b`, and `b2a` if there is one): `pictures`, the number
            of images; with both directions, `cycle`; with aligned test pairs, `translation` and
            `unchanged_input`, see `truth_figures`, or for label maps `labels`, see `label_figures`.
        gallery: uint8 `(height, width, 3)`. Each row shows a test image of each domain with its
            translation, its target if there is one, and its reconstruction by the cycle.
    """

    figures: dict[str, dict[str, Any]]
    gallery: np.ndarray


def evaluate(
    real_a: Iterable[tf.Tensor],
    real_b: Iterable[tf.Tensor],
    translate: Mapping[str, TensorFunction],
    aligned: bool,
    labels: bool = False,
    progress: bool = True,
) -> Evaluation:
    """Evaluate all directions, and the cycle if there are both.

    Args:
        real_a: Test images of A, each float32 `(1, height, width, channels)` in [-1, 1].
        real_b: Test images of B; if `aligned`, the i-th is the target of the i-th of A.
        translate: Generators by direction, `a2b` and optionally `b2a`.
        aligned: Whether the test images are aligned pairs.
        labels: Whether B contains label maps, whose grey levels are class indices.
        progress: Whether to show a progress bar.
    """
    a, b = list(real_a), list(real_b)
    if aligned and any(x.shape[:3] != y.shape[:3] for x, y in zip(a, b, strict=True)):
        _log.warning("the images of test pairs differ in size, so they are not compared")
        aligned = False
    figures: dict[str, dict[str, Any]] = {}
    columns: dict[str, list[np.ndarray]] = {}
    for name, generator in translate.items():
        direction = Direction(name)
        inputs, truths = direction.ordered(a, b)
        back = translate.get(direction.opposite)
        bar = progress_bar(inputs, desc=f"evaluating {direction}", shown=progress, leave=False)
        translated = [generator(image) for image in bar]
        figures[direction] = {"pictures": len(inputs)}
        if back:
            figures[direction]["cycle"] = cycle_figures(inputs, translated, back)
        if aligned and labels:
            maps = ([to_uint8(m).numpy() for m in found] for found in (translated, truths))
            figures[direction]["labels"] = label_figures(*maps)
        elif aligned:
            figures[direction] |= truth_figures(translated, inputs, truths)
        shown = truths if aligned else None
        columns |= _columns(direction, inputs, translated, shown, back, labels)
    # zip drops the rows that the smaller domain lacks.
    return Evaluation(figures, grid(list(zip(*columns.values(), strict=False)), list(columns)))


def _columns(
    direction: Direction,
    inputs: Sequence[tf.Tensor],
    translated: Sequence[tf.Tensor],
    truths: Sequence[tf.Tensor] | None = None,
    back: TensorFunction | None = None,
    labels: bool = False,
) -> dict[str, list[np.ndarray]]:
    """Return the images of one direction for a sheet, by column label."""
    shown = slice(GALLERY_ROWS)
    source, target = direction.source, direction.target
    columns = {f"real {source}": inputs[shown], f"fake {target}": translated[shown]}
    if truths is not None:
        columns[f"target {target}"] = truths[shown]
    if back is not None:
        columns[f"cycled {source}"] = [back(image) for image in translated[shown]]
    rendered = {name: [to_uint8(p)[0].numpy() for p in column] for name, column in columns.items()}
    maps = [name for name in rendered if labels and name.endswith(target)]
    return rendered | {name: [coloured(numbers) for numbers in rendered[name]] for name in maps}


def sample_sheet(
    pairs: Iterable[tuple[tf.Tensor, tf.Tensor]],
    translate: Mapping[str, TensorFunction],
    labels: bool = False,
) -> np.ndarray:
    """Render a sheet of images, their translations and their reconstructions, one row per pair.

    Args:
        pairs: An image of A and one of B, float32 `(1, height, width, channels)` in [-1, 1].
        translate: As for `evaluate`. Without `b2a`, the image of B is shown as the target of the
            translation.
        labels: Whether B contains label maps.

    Returns:
        The sheet, uint8 `(height, width, 3)`.
    """
    a, b = zip(*pairs, strict=True)
    columns: dict[str, list[np.ndarray]] = {}
    for name, generator in translate.items():
        direction = Direction(name)
        inputs, others = direction.ordered(a, b)
        back = translate.get(direction.opposite)
        translated = [generator(image) for image in inputs]
        truths = None if back else others
        columns |= _columns(direction, inputs, translated, truths, back, labels)
    return grid(list(zip(*columns.values(), strict=True)), list(columns))
