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
from cyclegan_tf.images.sheets import grid, shortened
from cyclegan_tf.progress import progress_bar

GALLERY_ROWS = 12
# Columns of a sheet: a label and the images below it.
_Columns = list[tuple[str, list[np.ndarray]]]
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
    names: tuple[str, str] = ("A", "B"),
) -> Evaluation:
    """Evaluate all directions, and the cycle if there are both.

    Args:
        real_a: Test images of A, each float32 `(1, height, width, channels)` in [-1, 1].
        real_b: Test images of B; if `aligned`, the i-th is the target of the i-th of A.
        translate: Generators by direction, `a2b` and optionally `b2a`.
        aligned: Whether the test images are aligned pairs.
        labels: Whether B contains label maps, whose grey levels are class indices.
        progress: Whether to show a progress bar.
        names: The names of domains A and B that people read.
    """
    a, b = list(real_a), list(real_b)
    if aligned and any(x.shape[:3] != y.shape[:3] for x, y in zip(a, b, strict=True)):
        _log.warning("the images of test pairs differ in size, so they are not compared")
        aligned = False
    figures: dict[str, dict[str, Any]] = {}
    columns: _Columns = []
    for name, generator in translate.items():
        direction = Direction(name)
        inputs, truths = direction.ordered(a, b)
        back = translate.get(direction.opposite)
        desc = f"evaluating {direction.arrow(*names)}"
        bar = progress_bar(inputs, desc=desc, shown=progress, leave=False)
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
        columns += _columns(direction, names, inputs, translated, shown, back, labels)
    return Evaluation(figures, _sheet(columns))


def _columns(
    direction: Direction,
    names: tuple[str, str],
    inputs: Sequence[tf.Tensor],
    translated: Sequence[tf.Tensor],
    truths: Sequence[tf.Tensor] | None = None,
    back: TensorFunction | None = None,
    labels: bool = False,
) -> _Columns:
    """Return the columns of one direction: input, translation, target, translated back."""

    def pixels(images: Sequence[tf.Tensor], label_maps: bool = False) -> list[np.ndarray]:
        rendered = [to_uint8(image)[0].numpy() for image in images[:GALLERY_ROWS]]
        return [coloured(numbers) for numbers in rendered] if label_maps else rendered

    source, target = direction.ordered(*map(shortened, names))
    columns = [(source, pixels(inputs)), (f"→ {target}", pixels(translated, labels))]
    if truths is not None:
        columns.append(("target", pixels(truths, labels)))
    if back is not None:
        cycled = [back(image) for image in translated[:GALLERY_ROWS]]
        columns.append((f"→ {source} again", pixels(cycled)))
    return columns


def _sheet(columns: _Columns) -> np.ndarray:
    labels, images = zip(*columns, strict=True)
    # zip drops the rows that the smaller domain lacks.
    return grid(list(zip(*images, strict=False)), labels)


def sample_sheet(
    pairs: Iterable[tuple[tf.Tensor, tf.Tensor]],
    translate: Mapping[str, TensorFunction],
    labels: bool = False,
    names: tuple[str, str] = ("A", "B"),
) -> np.ndarray:
    """Render a sheet of images, their translations and their reconstructions, one row per pair.

    Args:
        pairs: An image of A and one of B, float32 `(1, height, width, channels)` in [-1, 1].
        translate: As for `evaluate`. Without `b2a`, the image of B is shown as the target of the
            translation.
        labels: Whether B contains label maps.
        names: The names of domains A and B that people read.

    Returns:
        The sheet, uint8 `(height, width, 3)`.
    """
    a, b = zip(*pairs, strict=True)
    columns: _Columns = []
    for name, generator in translate.items():
        direction = Direction(name)
        inputs, others = direction.ordered(a, b)
        back = translate.get(direction.opposite)
        translated = [generator(image) for image in inputs]
        truths = None if back else others
        columns += _columns(direction, names, inputs, translated, truths, back, labels)
    return _sheet(columns)
