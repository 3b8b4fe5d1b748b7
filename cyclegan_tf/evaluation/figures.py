"""The metrics of an evaluation: their titles, their meaning and their tables."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cyclegan_tf.config.direction import arrow
from cyclegan_tf.images.sheets import shortened

Figures = dict[str, float]

# A pixel has changed if some channel differs by more than this (0-255 scale). Rendering or
# compressing the same thing twice causes smaller differences.
CHANGED_ABOVE = 8


@dataclass(frozen=True)
class Kind:
    """One metric.

    Attributes:
        title: Name and unit.
        meaning: Explanation, in a sentence.
        digits: Number of decimals to show.
        heading: Title of its column in the text table, if it has one.
    """

    title: str
    meaning: str
    digits: int = 3
    heading: str = ""

    def text(self, value: float) -> str:
        """Format a value of this metric."""
        return f"{value:.{self.digits}f}"


KINDS = {
    "mae": Kind(
        "error to the target (0-255 scale)",
        "The mean absolute difference between a translation and its target. Lower is better; 0 is "
        "the target itself.",
        heading="MAE/255",
    ),
    "psnr": Kind(
        "PSNR, dB",
        "The squared error on a logarithmic scale. Higher is better; 6 dB more is half the "
        "difference.",
        heading="PSNR dB",
        digits=2,
    ),
    "ssim": Kind(
        "SSIM",
        "The agreement of brightness, contrast and structure with the target in small windows. "
        "1 is a perfect match.",
        heading="SSIM",
    ),
    "changed_mae": Kind(
        "error on changed pixels (0-255 scale)",
        "The same error over the pixels in which input and target differ by more than "
        f"{CHANGED_ABOVE}: whether the translation changes what it should.",
        heading="changed/255",
    ),
    "kept_mae": Kind(
        "error on kept pixels (0-255 scale)",
        "The same error over all other pixels: whether the translation leaves the rest unchanged.",
        heading="kept/255",
    ),
    "cycle_mae": Kind(
        "cycle error (0-255 scale)",
        "The mean absolute difference between an image and its translation translated back. A low "
        "value means that nothing is lost, not that the translation is good.",
        heading="cycle/255",
    ),
    "pixel_accuracy": Kind(
        "pixel accuracy", "The share of all pixels that get their correct class."
    ),
    "mean_iou": Kind(
        "mean IoU",
        "Intersection over union of each class, averaged over the classes. Small classes count as "
        "much as large ones.",
    ),
}
RATIO = Kind(
    "remaining error on changed pixels",
    "The error over the pixels that have to change, relative to the error of the unchanged input. "
    "0 is a perfect translation, 1 is no better than the input.",
)


def metrics_table(figures: dict[str, dict[str, Any]], names: tuple[str, str] = ("A", "B")) -> str:
    """Format the metrics of an evaluation as text, one line for each direction and row.

    Args:
        figures: The metrics of an `Evaluation`.
        names: The names of domains A and B that people read.
    """
    shown = {key: kind for key, kind in KINDS.items() if kind.heading}
    arrows = {name: arrow(name, *map(shortened, names)) for name in figures}
    width = 2 + max(map(len, ["direction", *arrows.values()]))
    lines = [f"{'direction':{width}}{'':17}" + "".join(f"{k.heading:>13}" for k in shown.values())]
    for direction, rows in figures.items():
        start = f"{arrows[direction]:{width}}"
        for name in ("translation", "unchanged_input", "cycle"):
            if name in rows:
                found = rows[name]
                cells = (k.text(found[key]) if key in found else "-" for key, k in shown.items())
                cells_text = "".join(f"{cell:>13}" for cell in cells)
                lines.append(f"{start}{name.replace('_', ' '):17}{cells_text}")
        if "labels" in rows:
            shares = (
                f"{name.replace('_', ' ')} {KINDS[name].text(share)}"
                for name, share in rows["labels"].items()
            )
            lines.append(f"{start}{', '.join(shares)}")
        ratio = changed_ratio(rows)
        if ratio is not None:
            left = f"{RATIO.text(ratio)} of the unchanged input's"
            lines.append(f"{start}changed-pixel error: {left}")
    return "\n".join(lines)


def changed_ratio(rows: Mapping[str, Any]) -> float | None:
    """Return the error over changed pixels relative to the unchanged input's, if known."""
    try:
        return rows["translation"]["changed_mae"] / rows["unchanged_input"]["changed_mae"]
    except (KeyError, ZeroDivisionError):
        return None


def page_rows(
    figures: Mapping[str, Mapping[str, Any]], names: tuple[str, str] = ("A", "B")
) -> tuple[list[str], list[tuple[Kind, list[str]]]]:
    """Arrange the metrics of an evaluation as the rows of a page's table.

    Args:
        figures: The metrics of an `Evaluation`.
        names: The names of domains A and B that people read.

    Returns:
        The titles of the columns: each direction and, where it was measured, its unchanged input.
        Then every metric that was measured, with a cell for each column.
    """
    columns: list[tuple[str, Mapping[str, Any]]] = []
    for direction, found in figures.items():
        title = arrow(direction, *names)
        made: dict[str, Any] = {}
        for part in ("translation", "cycle", "labels"):
            made |= found.get(part, {})
        columns.append((title, made | {"ratio": changed_ratio(found)}))
        if "unchanged_input" in found:
            columns.append((f"{title}, unchanged input", found["unchanged_input"]))
    rows = [
        (kind, [_cell(kind, column.get(key)) for _, column in columns])
        for key, kind in {"ratio": RATIO, **KINDS}.items()
        if any(_is_number(column.get(key)) for _, column in columns)
    ]
    return [title for title, _ in columns], rows


def _cell(kind: Kind, value: Any) -> str:
    return kind.text(value) if _is_number(value) else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
