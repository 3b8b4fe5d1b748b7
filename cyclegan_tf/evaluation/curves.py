"""Plots of a run's metrics: grouped, smoothed, and drawn with matplotlib."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from cyclegan_tf.evaluation.page import INK

# Width of the smoothing window, as a share of the run.
WINDOW = 1 / 30
# Curves that fall by more than this factor get a logarithmic axis, or they would look flat.
LARGE_RANGE = 20
# Least share of the raw values within the axes; a few spikes would flatten the rest.
SHOWN = 0.98

# Line colours with a contrast of at least 3.6:1 on white and on a dark page.
COLOURS = ("#2a6fdb", "#c2552d", "#3f8f4f", "#8a56b8")
_INKED = ("axes.edgecolor", "axes.labelcolor", "grid.color", "text.color", "xtick.color")
STYLE: Any = {
    **dict.fromkeys((*_INKED, "ytick.color"), INK),
    **{"axes.grid": True, "grid.alpha": 0.2, "axes.spines.top": False, "axes.spines.right": False},
    # Metric names may contain `$`, which must not start a formula.
    **{"legend.frameon": False, "legend.borderaxespad": 0.0, "text.parse_math": False},
}

WEIGHTED = "weighted loss"


@dataclass(frozen=True)
class Group:
    """Metrics that share a plot.

    Attributes:
        title: Title of the plot.
        pattern: Regular expression for the names of the metrics.
        unit: Label of the vertical axis.
        meaning: Explanation of the plot, in a sentence.
        undecided: Value of the metrics for a discriminator that cannot tell real from generated
            images, by `gan_mode`; empty for metrics that do not depend on discriminators.
    """

    title: str
    pattern: str
    unit: str
    meaning: str
    undecided: Mapping[str, float] = field(default_factory=dict)


GROUPS = (
    Group(
        "Generator loss",
        "generator_loss",
        WEIGHTED,
        "The objective of the generators: the sum of all their terms. In adversarial training, it "
        "need not fall.",
    ),
    Group(
        "Cycle losses",
        r"cycle_loss(_\w+)?",
        WEIGHTED,
        "The difference between images and their reconstructions after translation there and back.",
    ),
    Group(
        "L1 distance to the target",
        "l1_loss",
        WEIGHTED,
        "The difference between translations and their targets.",
    ),
    Group(
        "Adversarial losses",
        r"adversarial_loss(_\w+)?",
        WEIGHTED,
        "How clearly the discriminators recognize translations as generated.",
        undecided={"lsgan": 0.25, "vanilla": math.log(2), "hinge": 0.0},
    ),
    Group(
        "Discriminator losses",
        r"discriminator_loss(_\w+)?",
        WEIGHTED,
        "How badly the discriminators distinguish real images from translations.",
        undecided={"lsgan": 0.25, "vanilla": math.log(2), "hinge": 1.0},
    ),
    Group(
        "Gradient penalties",
        r"gradient_penalty(_\w+)?",
        WEIGHTED,
        "How far the discriminators' gradient norm is from 1 between real images and translations.",
    ),
    Group(
        "Identity losses",
        r"identity_loss(_\w+)?",
        WEIGHTED,
        "How much generators change images that already belong to their target domain.",
    ),
    Group(
        "Gradient norms",
        r"\w*gradient_norm",
        "norm of the gradient",
        "Size of the gradient per step. Spikes are unstable steps; at 0, nothing is learned.",
    ),
    Group("Other metrics", r".*", "value", "All other recorded metrics."),
)


def plots(
    steps: np.ndarray, metrics: Mapping[str, np.ndarray], gan_mode: str = ""
) -> list[tuple[Group, Figure]]:
    """Plot all metrics of a run, in groups.

    Args:
        steps: Recorded steps, int64 `(lines,)`, ascending.
        metrics: Values by name, each float64 `(lines,)`; NaN is a gap.
        gan_mode: The adversarial loss, as for `models.losses`; empty if there is none.

    Returns:
        The groups that have values, each with a labelled figure for `page.drawing`.
    """
    rest = {name: values for name, values in metrics.items() if np.isfinite(values).any()}
    found = []
    for group in GROUPS:
        members = {n: rest.pop(n) for n in [*rest] if re.fullmatch(group.pattern, n)}
        if members:
            with rc_context(STYLE):
                figure = _draw(group, steps, members, group.undecided.get(gan_mode))
            found.append((group, figure))
    return found


def window(lines: int) -> int:
    """Return the width of the smoothing window for a number of recorded lines, an odd number."""
    return 2 * round(lines * WINDOW / 2) + 1


def running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Smooth a series by a centred running mean.

    Args:
        values: The series, float64 `(lines,)`; NaN is ignored.
        width: Width of the window, odd, at most `lines`. The window is truncated at both ends.

    Returns:
        float64 `(lines,)`; NaN where the window contains no values.
    """
    known = np.isfinite(values)
    total, count = (
        np.convolve(column, np.ones(width), "same")
        for column in (np.where(known, values, 0), known)
    )
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)


def _draw(
    group: Group, steps: np.ndarray, metrics: Mapping[str, np.ndarray], undecided: float | None
) -> Figure:
    smoothed = {name: running_mean(x, window(len(steps))) for name, x in metrics.items()}
    lasts = {name: mean[np.isfinite(mean)][-1] for name, mean in smoothed.items()}
    # The height of the legend is added to the height of the axes.
    figure = Figure(figsize=(4.2, 2.6 + 0.2 * len(metrics)), layout="constrained")
    figure.set_label(
        f"{group.title} over steps. At the end: "
        + ", ".join(f"{name} {last:.3g}" for name, last in lasts.items())
    )
    axes = figure.subplots()
    for number, (name, values) in enumerate(metrics.items()):
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(steps, values, color=colour, alpha=0.33, linewidth=0.8)
        label = f"{name}: {lasts[name]:.3g}"
        # The marker at the end makes a curve of a single value visible.
        axes.plot(steps, smoothed[name], ".-", color=colour, markevery=[-1], label=label)
    if undecided is not None:
        axes.axhline(undecided, color=INK, linewidth=1, linestyle="--", label="undecided")
    _scale(axes, np.stack([*metrics.values()]), np.stack([*smoothed.values()]), undecided)
    axes.set(xlabel="step", xlim=(0, 1.02 * max(steps[-1], 1)))
    axes.set_ylabel(group.unit + ("\n(logarithmic)" if axes.get_yscale() == "log" else ""))
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    figure.legend(loc="outside upper left")
    return figure


def _scale(axes: Axes, raw: np.ndarray, means: np.ndarray, undecided: float | None) -> None:
    """Choose the range and scale of the vertical axis, which shows all means and `undecided`."""
    margin = (1 - SHOWN) / 2
    marked = [] if undecided is None else [undecided]
    shown = [
        *np.nanquantile(raw, [margin, 1 - margin]),
        np.nanmin(means),
        np.nanmax(means),
        *marked,
    ]
    low, high = min(shown), max(shown)
    if min(low, np.nanmin(raw)) > 0 and np.nanmax(means) > LARGE_RANGE * np.nanmin(means):
        axes.set(yscale="log", ylim=(low, high))
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 3) if high < 1e4 * low else (1,)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
    else:
        low, high = min(low, 0.0), max(high, 0.0)
        room = 0.04 * (high - low) or 1.0
        axes.set_ylim(low - room if low < 0 else 0.0, high + room)
