"""The evaluation of a run on its test split: figures and a gallery."""

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
    """What was found.

    Attributes:
        figures: By direction (`a2b`, and `b2a` if there is one): `pictures`; where there are
            both, `cycle`; where test pairs are aligned, `translation` and `unchanged_input`, see
            `truth_figures`, or for label maps `labels`, see `label_figures`.
        gallery: uint8 `(height, width, 3)`: by row a test picture of each domain with its
            translation, the truth where there is one, and the picture cycled back.
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
    """Evaluates every direction there is, and the cycle where there are both.

    Args:
        real_a: Test pictures of A, float32 `(1, height, width, channels)` in [-1, 1], each.
        real_b: Test pictures of B; the i-th is the truth for the i-th of A if `aligned`.
        translate: By direction, `a2b` and perhaps `b2a`: pictures of one domain to the other.
        aligned: Whether there are truths.
        labels: Whether B holds label maps, whose grey levels number classes.
        progress: Whether to show a bar.
        names: What people call the domains.
    """
    a, b = list(real_a), list(real_b)
    if aligned and any(x.shape[:3] != y.shape[:3] for x, y in zip(a, b, strict=True)):
        _log.warning("the test pairs differ in size, so they are not compared with each other")
        aligned = False
    figures: dict[str, dict[str, Any]] = {}
    columns: _Columns = []
    for name, forth in translate.items():
        direction = Direction(name)
        inputs, truths = direction.ordered(a, b)
        back = translate.get(direction.opposite)
        desc = f"evaluating {direction.arrow(*names)}"
        bar = progress_bar(inputs, desc=desc, shown=progress, leave=False)
        translated = [forth(picture) for picture in bar]
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
    """Returns the columns of one direction: input, translation, target, translated back."""

    def pixels(images: Sequence[tf.Tensor], label_maps: bool = False) -> list[np.ndarray]:
        drawn = [to_uint8(image)[0].numpy() for image in images[:GALLERY_ROWS]]
        return [coloured(numbers) for numbers in drawn] if label_maps else drawn

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
    # zip leaves out the rows that the smaller domain does not have.
    return grid(list(zip(*images, strict=False)), labels)


def sample_sheet(
    pairs: Iterable[tuple[tf.Tensor, tf.Tensor]],
    translate: Mapping[str, TensorFunction],
    labels: bool = False,
    names: tuple[str, str] = ("A", "B"),
) -> np.ndarray:
    """Draws pictures with what is made of them, and what is made of that, a row for each pair.

    Args:
        pairs: A picture of A and one of B, float32 `(1, height, width, channels)` in [-1, 1].
        translate: As for `evaluate`. Without `b2a`, the picture of B stands beside the
            translation, as the truth.
        labels: Whether B holds label maps.
        names: What people call the domains.

    Returns:
        The sheet, uint8 `(height, width, 3)`.
    """
    a, b = zip(*pairs, strict=True)
    columns: _Columns = []
    for name, forth in translate.items():
        direction = Direction(name)
        inputs, others = direction.ordered(a, b)
        back = translate.get(direction.opposite)
        translated = [forth(picture) for picture in inputs]
        truths = None if back else others
        columns += _columns(direction, names, inputs, translated, truths, back, labels)
    return _sheet(columns)
