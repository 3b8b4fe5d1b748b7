"""The figures of an evaluation: what each of them is called and says, and how they are laid out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cyclegan_tf.config.direction import arrow
from cyclegan_tf.images.sheets import shortened

Figures = dict[str, float]

# Two truths differ where some channel does by more than this, in 255ths: less is how drawing
# or compressing the same thing twice may differ.
CHANGED_ABOVE = 8


@dataclass(frozen=True)
class Kind:
    """One kind of figure.

    Attributes:
        title: What it is, with its unit.
        meaning: What it says, in a sentence.
        digits: How many to show after the point.
        heading: What it is called in the text table, if it has a column there.
    """

    title: str
    meaning: str
    digits: int = 3
    heading: str = ""

    def text(self, value: float) -> str:
        """Writes a figure of this kind."""
        return f"{value:.{self.digits}f}"


KINDS = {
    "mae": Kind(
        "error to the truth, of 255",
        "The mean absolute difference between a translation and the picture it should be: lower "
        "is better, and 0 is the truth itself.",
        heading="MAE/255",
    ),
    "psnr": Kind(
        "PSNR, dB",
        "The squared error on a logarithmic scale: higher is better, and 6 dB more is half the "
        "difference.",
        heading="PSNR dB",
        digits=2,
    ),
    "ssim": Kind(
        "SSIM",
        "How far brightness, contrast and structure agree with the truth in small windows: 1 is "
        "all of it.",
        heading="SSIM",
    ),
    "changed_mae": Kind(
        "error where it has to change, of 255",
        "The same error over the pixels in which input and truth differ by more than "
        f"{CHANGED_ABOVE}: whether the translation does what it should.",
        heading="changed/255",
    ),
    "kept_mae": Kind(
        "error where it has to stay, of 255",
        "The same error over all other pixels: whether the translation leaves alone what it should "
        "leave alone.",
        heading="kept/255",
    ),
    "cycle_mae": Kind(
        "error after there and back, of 255",
        "The mean absolute difference between a picture and its translation translated back: low "
        "where nothing gets lost, which alone does not make a good translation.",
        heading="cycle/255",
    ),
    "pixel_accuracy": Kind(
        "pixels right, share", "The share of all pixels that are given their true class."
    ),
    "mean_iou": Kind(
        "mean IoU",
        "For each class, the pixels that have it in both maps over those that have it in either; "
        "the mean over the classes, so that small ones count as much as large ones.",
    ),
}
RATIO = Kind(
    "remaining error where it has to change",
    "The error over the pixels that have to change, relative to leaving the input as it is: 0 is a "
    "perfect translation, 1 is as if nothing had been done.",
)


def metrics_table(figures: dict[str, dict[str, Any]], names: tuple[str, str] = ("A", "B")) -> str:
    """Formats the metrics of an evaluation as text, one line for each direction and row.

    Args:
        figures: The metrics of an `Evaluation`.
        names: What people call the domains.
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
    """Returns the error over changed pixels relative to the unchanged input's, if known."""
    try:
        return rows["translation"]["changed_mae"] / rows["unchanged_input"]["changed_mae"]
    except (KeyError, ZeroDivisionError):
        return None


def page_rows(
    figures: Mapping[str, Mapping[str, Any]], names: tuple[str, str] = ("A", "B")
) -> tuple[list[str], list[tuple[Kind, list[str]]]]:
    """Lays out an evaluation's figures by kind, for a page.

    Args:
        figures: The metrics of an `Evaluation`.
        names: What people call the domains.

    Returns:
        The columns' titles, for each direction its translation and, where that was measured,
        leaving the input as it is; and each kind of figure there is, with a cell for each column.
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
