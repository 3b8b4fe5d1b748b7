"""Curves of a run's metrics: grouped, smoothed, and drawn by matplotlib."""

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

# The part of a run over which a smoothed curve is a mean.
WINDOW = 1 / 30
# Curves that fall by more than this are straight lines along an axis unless it is logarithmic.
LARGE_RANGE = 20
# Of the raw values this part is shown at least; a few spikes would flatten all the rest.
SHOWN = 0.98

# The lines' colours stand out, by 3.6 to 1 or more, from white and from a dark page.
COLOURS = ("#2a6fdb", "#c2552d", "#3f8f4f", "#8a56b8")
_INKED = ("axes.edgecolor", "axes.labelcolor", "grid.color", "text.color", "xtick.color")
STYLE: Any = {
    **dict.fromkeys((*_INKED, "ytick.color"), INK),
    **{"axes.grid": True, "grid.alpha": 0.2, "axes.spines.top": False, "axes.spines.right": False},
    # Names are no formulas, whatever is in them.
    **{"legend.frameon": False, "legend.borderaxespad": 0.0, "text.parse_math": False},
}

WEIGHTED = "weighted loss"


@dataclass(frozen=True)
class Group:
    """Metrics that share a plot.

    Attributes:
        title: Of the plot.
        pattern: What the metrics' names match.
        unit: What the vertical axis shows.
        meaning: What the plot says, in a sentence.
        undecided: What the metrics are where a discriminator's answer is in the middle, for each
            `gan_mode` that has such an answer; none if they are not about discriminators.
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
        "What is minimized for the generators: the sum of all their terms. Where discriminators "
        "learn, too, it need not fall.",
    ),
    Group(
        "Cycle losses",
        r"cycle_loss(_\w+)?",
        WEIGHTED,
        "How far pictures are from themselves after translation there and back.",
    ),
    Group(
        "Distance to the truth",
        "l1_loss",
        WEIGHTED,
        "How far translations are from the partners of their inputs.",
    ),
    Group(
        "Adversarial losses",
        r"adversarial_loss(_\w+)?",
        WEIGHTED,
        "How far translations are from passing for real before the discriminators.",
        undecided={"lsgan": 0.25, "vanilla": math.log(2), "hinge": 0.0},
    ),
    Group(
        "Discriminator losses",
        r"discriminator_loss(_\w+)?",
        WEIGHTED,
        "How badly the discriminators tell real pictures from translations.",
        undecided={"lsgan": 0.25, "vanilla": math.log(2), "hinge": 1.0},
    ),
    Group(
        "Gradient penalties",
        r"gradient_penalty(_\w+)?",
        WEIGHTED,
        "How far the discriminators' slope is from 1 between real pictures and translations.",
    ),
    Group(
        "Identity losses",
        r"identity_loss(_\w+)?",
        WEIGHTED,
        "How much generators change pictures that are of their target domain already.",
    ),
    Group(
        "Gradient norms",
        r"\w*gradient_norm",
        "norm of the gradient",
        "How strongly a step pulls at the weights. Spikes are unstable steps; 0 is no learning.",
    ),
    Group("Other metrics", r".*", "value", "What else was recorded."),
)


def plots(
    steps: np.ndarray, metrics: Mapping[str, np.ndarray], gan_mode: str = ""
) -> list[tuple[Group, Figure]]:
    """Draws all metrics of a run, in groups.

    Args:
        steps: int64 `(lines,)`, ascending.
        metrics: float64 `(lines,)` each, by name; NaN is a gap.
        gan_mode: The adversarial loss, as for `models.losses`, if there is one.

    Returns:
        The groups of which there is something, each with a figure for `page.drawing`, whose label
        says what it shows; none without lines.
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
    """Returns how many of so many recorded lines a smoothed value is a mean of, an odd number."""
    return 2 * round(lines * WINDOW / 2) + 1


def running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Smooths a series by the mean over a window in whose middle a value stands.

    Args:
        values: float64 `(lines,)`; NaN does not count.
        width: Of the window, odd, `lines` at most. At the ends, what is there of it is taken.

    Returns:
        float64 `(lines,)`; NaN where the window holds nothing.
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
    # The legend's lines come on top of what the axes take.
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
        # With a point at the end, a single line of metrics is seen, too.
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
    """Chooses the vertical axis, on which all means are to be seen, and what is undecided."""
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
