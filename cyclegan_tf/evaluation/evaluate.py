"""The evaluation of a run on its test split: figures, a table and a gallery."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from cyclegan_tf.evaluation.truth import Figures, Translate, cycle_figures, truth_figures
from cyclegan_tf.images import grid, to_uint8

GALLERY_ROWS = 12
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """What was found.

    Attributes:
        figures: By direction (`a2b`, `b2a`): `pictures`, `cycle`, and, where test pairs are
            aligned, `translation` and `unchanged_input`, see `truth_figures`.
        gallery: uint8 `(height, width, 3)`: by row a test picture of each domain with its
            translation, the truth where there is one, and the picture cycled back.
    """

    figures: dict[str, dict[str, Any]]
    gallery: np.ndarray


def evaluate(
    real_a: Iterable[tf.Tensor],
    real_b: Iterable[tf.Tensor],
    generator_ab: Translate,
    generator_ba: Translate,
    aligned: bool,
    progress: bool = True,
) -> Evaluation:
    """Evaluates both directions.

    Args:
        real_a: Test pictures of A, float32 `(1, height, width, channels)` in [-1, 1], each.
        real_b: Test pictures of B; the i-th is the truth for the i-th of A if `aligned`.
        generator_ab: Pictures of A to pictures of B, as `real_a`.
        generator_ba: The reverse.
        aligned: Whether there are truths.
        progress: Whether to show a bar.
    """
    a, b = list(real_a), list(real_b)
    if aligned and any(x.shape[:3] != y.shape[:3] for x, y in zip(a, b, strict=True)):
        _log.warning("the test pairs differ in size, so they are not compared with each other")
        aligned = False
    figures, columns = {}, []
    for direction, inputs, truths, forth, back in (
        ("a2b", a, b, generator_ab, generator_ba),
        ("b2a", b, a, generator_ba, generator_ab),
    ):
        bar = tqdm(inputs, desc=f"evaluating {direction}", disable=not progress, leave=False)
        translated = [forth(picture) for picture in bar]
        figures[direction] = {
            "pictures": len(inputs),
            "cycle": cycle_figures(inputs, translated, back),
        }
        if aligned:
            figures[direction] |= truth_figures(translated, inputs, truths)
        columns.append(_columns(direction, inputs, translated, truths if aligned else None, back))
    return Evaluation(figures, _gallery(*columns))


def _columns(
    direction: str,
    inputs: Sequence[tf.Tensor],
    translated: Sequence[tf.Tensor],
    truths: Sequence[tf.Tensor] | None,
    back: Translate,
) -> dict[str, list[np.ndarray]]:
    """Makes the gallery's pictures of one direction, by column label."""
    shown = slice(GALLERY_ROWS)
    source, target = direction.split("2")
    columns = {f"real {source}": inputs[shown], f"fake {target}": translated[shown]}
    if truths is not None:
        columns[f"true {target}"] = truths[shown]
    columns[f"cycled {source}"] = [back(picture) for picture in translated[shown]]
    return {
        label: [to_uint8(picture)[0].numpy() for picture in pictures]
        for label, pictures in columns.items()
    }


def sample_sheet(
    pairs: Iterable[tuple[tf.Tensor, tf.Tensor]], generator_ab: Translate, generator_ba: Translate
) -> np.ndarray:
    """Draws real, generated and cycled pictures of both directions, a row for each pair.

    Args:
        pairs: A picture of A and one of B, float32 `(1, height, width, channels)` in [-1, 1].
        generator_ab: Pictures of A to pictures of B.
        generator_ba: The reverse.

    Returns:
        The sheet, uint8 `(height, width, 3)`.
    """
    rows = []
    for real_a, real_b in pairs:
        fake_b, fake_a = generator_ab(real_a), generator_ba(real_b)
        row = [real_a, fake_b, generator_ba(fake_b), real_b, fake_a, generator_ab(fake_a)]
        rows.append([to_uint8(picture)[0].numpy() for picture in row])
    return grid(rows, ["real a", "fake b", "cycled a", "real b", "fake a", "cycled b"])


def _gallery(*directions: dict[str, list[np.ndarray]]) -> np.ndarray:
    labels = [label for columns in directions for label in columns]
    columns = [pictures for columns in directions for pictures in columns.values()]
    # zip leaves out the rows that the smaller domain does not have.
    return grid(list(zip(*columns, strict=False)), labels)


def table(figures: dict[str, dict[str, Any]]) -> str:
    """Lays out an evaluation's figures as text, one line for each direction and row.

    Args:
        figures: Those of an `Evaluation`.
    """
    lines = [f"{'direction':10}{'':17}" + "".join(f"{title:>13}" for title in _TITLES.values())]
    for direction, rows in figures.items():
        for name in ("translation", "unchanged_input", "cycle"):
            if name in rows:
                cells = "".join(f"{_cell(rows[name], key):>13}" for key in _TITLES)
                lines.append(f"{direction:10}{name.replace('_', ' '):17}{cells}")
        ratio = changed_ratio(rows)
        if ratio is not None:
            lines.append(f"{direction:10}changed-pixel error: {ratio:.3f} of the unchanged input's")
    return "\n".join(lines)


_TITLES = {
    "mae": "MAE/255",
    "psnr": "PSNR dB",
    "ssim": "SSIM",
    "changed_mae": "changed/255",
    "kept_mae": "kept/255",
    "cycle_mae": "cycle/255",
}


def _cell(row: Figures, key: str) -> str:
    return f"{row[key]:.3f}" if key in row else "-"


def changed_ratio(rows: dict[str, Any]) -> float | None:
    """Returns the error over changed pixels relative to the unchanged input's, if known."""
    try:
        return rows["translation"]["changed_mae"] / rows["unchanged_input"]["changed_mae"]
    except KeyError:
        return None
