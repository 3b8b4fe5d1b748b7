"""A comparison as a page, a sheet and JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from cyclegan_tf.config.direction import Direction
from cyclegan_tf.evaluation.methods import INPUT, TRUTH, Comparison, Costs
from cyclegan_tf.evaluation.page import duration, write_page
from cyclegan_tf.files import write_atomically
from cyclegan_tf.images.images import write_image
from cyclegan_tf.images.sheets import grid, shortened

# Title and number of decimals of each metric.
FIGURES = {
    "seconds": ("seconds per image", 3),
    "mae": ("error to the target (0-255)", 1),
    "changed_mae": ("- on changed pixels", 1),
    "kept_mae": ("- on kept pixels", 1),
    "content_distance": ("content distance", 3),
    "gram_distance": ("Gram distance to the domain", 3),
    "kid": ("KID", 3),
}


@dataclass(frozen=True)
class Contest:
    """A comparison and its setting.

    Attributes:
        comparison: Images and metrics by method.
        costs: Costs of training and of neural style.
        style: The style image, uint8 `(height, width, 3)`.
        setting: The settings of the comparison, as JSON values by name.
        names: The names of domains A and B that people read.
    """

    comparison: Comparison
    costs: Costs
    style: np.ndarray
    setting: Mapping[str, Any]
    names: tuple[str, str] = ("A", "B")

    @property
    def complete(self) -> bool:
        return self.comparison.complete

    @property
    def direction(self) -> Direction:
        """The direction in which images were translated."""
        return Direction(self.setting["direction"])

    @property
    def target(self) -> str:
        """The name of the target domain that people read."""
        return self.direction.ordered(*self.names)[1]

    def titles(self) -> list[str]:
        """Return the titles of the input, the methods and the target, in their order."""
        source, _ = self.direction.ordered(*self.names)
        shown = {INPUT: shortened(source), TRUTH: "target"}
        return [shown.get(name, name) for name in self.comparison.pictures]

    def rows(self) -> list[tuple[str, list[str]]]:
        """Return the metrics as text: a title and one cell per method."""
        figures = self.comparison.figures
        return [
            (title, [_cell(found, kind, digits) for found in figures.values()])
            for kind, (title, digits) in FIGURES.items()
            if any(kind in found for found in figures.values())
        ]

    def summary(self) -> str:
        """Format metrics and costs for a terminal."""
        names = self.titles()
        widths = [max(len(name), 16) + 2 for name in names]
        lines = [f"{'':28}" + "".join(f"{n:>{w}}" for n, w in zip(names, widths, strict=True))]
        for title, cells in self.rows():
            pairs = zip(cells, widths, strict=True)
            lines.append(f"{title:28}" + "".join(f"{cell:>{width}}" for cell, width in pairs))
        return "\n".join([*lines, "", *self.cost_sentences()])

    def cost_sentences(self) -> list[str]:
        """Describe the cost of training and the number of images from which it pays off."""
        costs = self.costs
        if costs.training is None:
            return ["The cost of training is not known, because it was not recorded."]
        sentences = [
            f"Training took {duration(costs.training)} ({costs.training_device}); then an image "
            f"takes {duration(costs.translating)} ({costs.device}).",
            f"Neural style needs no training: {duration(costs.preparation)} for the average of the "
            f"domain, then {duration(costs.painting)} per image.",
        ]
        if costs.break_even is None:
            return [*sentences, "Training does not pay off: neural style is not slower."]
        return [*sentences, f"Training pays off from {costs.break_even:,} images on."]


def write_comparison(folder: Path, contest: Contest) -> Path:
    """Write `comparison.html`, `.png` and `.json`.

    Args:
        folder: Folder for the files.
        contest: The comparison.

    Returns:
        The path of the page.
    """
    page = folder / "comparison.html"
    found = contest.comparison
    about = {
        "setting": dict(contest.setting),
        "pictures": len(found.pictures[INPUT]),
        "complete": found.complete,
        "figures": found.figures,
        "costs": asdict(contest.costs) | {"break_even_pictures": contest.costs.break_even},
    }
    write_atomically(page.with_suffix(".json"), json.dumps(about, indent=2) + "\n")
    rows = list(zip(*found.pictures.values(), strict=True))
    write_image(page.with_suffix(".png"), grid(rows, contest.titles()))
    write_page(
        page,
        "comparison.html",
        contest=contest,
        pictures=rows,
        methods=contest.titles(),
        has_truth=TRUTH in found.pictures,
        costs_figure=_draw_costs(contest.costs),
    )
    return page


def _draw_costs(costs: Costs) -> Figure | None:
    """Plot the cost of both ways against the number of images, on logarithmic scales."""
    if costs.training is None:
        return None
    last = 10 * max(costs.break_even or 100, 10)
    counts = np.geomspace(1, last, 200)
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(
        counts, costs.training + counts * costs.translating, label="training, then translating"
    )
    axes.plot(
        counts, costs.preparation + counts * costs.painting, label="neural style for each image"
    )
    if costs.break_even:
        axes.axvline(costs.break_even, color="grey", linestyle=":", linewidth=1)
    axes.set(xlabel="images", ylabel="total seconds", xscale="log", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def _cell(figures: Mapping[str, float], kind: str, digits: int) -> str:
    if kind not in figures:
        return ""
    error = figures.get(f"{kind}_standard_error")
    return f"{figures[kind]:.{digits}f}" + (f" ± {error:.{digits}f}" if error is not None else "")
