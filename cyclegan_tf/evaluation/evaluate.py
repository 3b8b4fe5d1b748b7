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
from cyclegan_tf.images.sheets import grid
from cyclegan_tf.progress import progress_bar

GALLERY_ROWS = 12
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
) -> Evaluation:
    """Evaluates every direction there is, and the cycle where there are both.

    Args:
        real_a: Test pictures of A, float32 `(1, height, width, channels)` in [-1, 1], each.
        real_b: Test pictures of B; the i-th is the truth for the i-th of A if `aligned`.
        translate: By direction, `a2b` and perhaps `b2a`: pictures of one domain to the other.
        aligned: Whether there are truths.
        labels: Whether B holds label maps, whose grey levels number classes.
        progress: Whether to show a bar.
    """
    a, b = list(real_a), list(real_b)
    if aligned and any(x.shape[:3] != y.shape[:3] for x, y in zip(a, b, strict=True)):
        _log.warning("the test pairs differ in size, so they are not compared with each other")
        aligned = False
    figures: dict[str, dict[str, Any]] = {}
    columns: dict[str, list[np.ndarray]] = {}
    for name, forth in translate.items():
        direction = Direction(name)
        inputs, truths = direction.ordered(a, b)
        back = translate.get(direction.opposite)
        bar = progress_bar(inputs, desc=f"evaluating {direction}", shown=progress, leave=False)
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
        columns |= _columns(direction, inputs, translated, shown, back, labels)
    # zip leaves out the rows that the smaller domain does not have.
    return Evaluation(figures, grid(list(zip(*columns.values(), strict=False)), list(columns)))


def _columns(
    direction: Direction,
    inputs: Sequence[tf.Tensor],
    translated: Sequence[tf.Tensor],
    truths: Sequence[tf.Tensor] | None = None,
    back: TensorFunction | None = None,
    labels: bool = False,
) -> dict[str, list[np.ndarray]]:
    """Makes the pictures of one direction for a sheet, by column label."""
    shown = slice(GALLERY_ROWS)
    source, target = direction.source, direction.target
    columns = {f"real {source}": inputs[shown], f"fake {target}": translated[shown]}
    if truths is not None:
        columns[f"true {target}"] = truths[shown]
    if back is not None:
        columns[f"cycled {source}"] = [back(picture) for picture in translated[shown]]
    drawn = {name: [to_uint8(p)[0].numpy() for p in column] for name, column in columns.items()}
    maps = [name for name in drawn if labels and name.endswith(target)]
    return drawn | {name: [coloured(numbers) for numbers in drawn[name]] for name in maps}


def sample_sheet(
    pairs: Iterable[tuple[tf.Tensor, tf.Tensor]],
    translate: Mapping[str, TensorFunction],
    labels: bool = False,
) -> np.ndarray:
    """Draws pictures with what is made of them, and what is made of that, a row for each pair.

    Args:
        pairs: A picture of A and one of B, float32 `(1, height, width, channels)` in [-1, 1].
        translate: As for `evaluate`. Without `b2a`, the picture of B stands beside the
            translation, as the truth.
        labels: Whether B holds label maps.

    Returns:
        The sheet, uint8 `(height, width, 3)`.
    """
    a, b = zip(*pairs, strict=True)
    columns: dict[str, list[np.ndarray]] = {}
    for name, forth in translate.items():
        direction = Direction(name)
        inputs, others = direction.ordered(a, b)
        back = translate.get(direction.opposite)
        translated = [forth(picture) for picture in inputs]
        truths = None if back else others
        columns |= _columns(direction, inputs, translated, truths, back, labels)
    return grid(list(zip(*columns.values(), strict=True)), list(columns))
