"""Curves of a run's metrics, ready to be drawn in a page: grouped, smoothed, scaled, with ticks.

Positions are thousandths of the plot, from its lower left corner, so that a page can stretch the
plot to any size and leave the text as it is.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cyclegan_tf.evaluation.axes import Axis, ticks

# More points than this cannot be told apart, and take space.
MOST_POINTS = 300
# The part of a run over which a smoothed curve is a mean.
WINDOW = 1 / 30

WEIGHTED = "weighted loss"


@dataclass(frozen=True)
class Group:
    """Metrics that share a plot.

    Attributes:
        title: Of the plot.
        pattern: What the metrics' names match.
        unit: What the vertical axis shows.
        meaning: What the plot says, in a sentence.
        by_discriminators: Whether the metrics are discriminators' answers, which have a value
            of their own for "undecided".
    """

    title: str
    pattern: str
    unit: str
    meaning: str
    by_discriminators: bool = False


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
        by_discriminators=True,
    ),
    Group(
        "Discriminator losses",
        r"discriminator_loss(_\w+)?",
        WEIGHTED,
        "How badly the discriminators tell real pictures from translations.",
        by_discriminators=True,
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

# The adversarial and the discriminators' loss where a discriminator's answer is in the middle.
UNDECIDED = {"lsgan": (0.25, 0.25), "vanilla": (math.log(2),) * 2, "hinge": (0.0, 1.0)}


@dataclass(frozen=True)
class Curve:
    """One metric.

    Attributes:
        name: As it is recorded.
        raw: What was recorded, as an SVG path.
        smooth: Its running mean, as an SVG path.
        last: The running mean at the end, as text.
        values: For each of the plot's `steps` the running mean, the least and the greatest value;
            None where there is none.
    """

    name: str
    raw: str
    smooth: str
    last: str
    values: list[tuple[float | None, float | None, float | None]]


@dataclass(frozen=True)
class Plot:
    """Metrics over steps.

    Attributes:
        group: What is shown.
        curves: In the order of recording.
        logarithmic: Whether the vertical axis is.
        x_ticks: Positions and labels.
        y_ticks: The same.
        undecided: The position at which a discriminator would be undecided, if that is known.
        clipped: Whether single values lie beyond the axis.
        steps: Of the points; in the middle of those that were put together.
        places: Their positions.
    """

    group: Group
    curves: list[Curve]
    logarithmic: bool
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    undecided: float | None
    clipped: bool
    steps: list[int]
    places: list[float]


def plots(steps: np.ndarray, metrics: Mapping[str, np.ndarray], gan_mode: str = "") -> list[Plot]:
    """Prepares all metrics of a run, in groups.

    Args:
        steps: int64 `(lines,)`, ascending.
        metrics: float64 `(lines,)` each, by name; NaN is a gap.
        gan_mode: The adversarial loss, as for `models.losses`, if there is one.

    Returns:
        The groups of which there is something; none without lines.
    """
    rest = {name: values for name, values in metrics.items() if np.isfinite(values).any()}
    found = []
    for group in GROUPS:
        members = {n: rest.pop(n) for n in [*rest] if re.fullmatch(group.pattern, n)}
        if members:
            neutral = UNDECIDED.get(gan_mode, (None, None)) if group.by_discriminators else None
            undecided = neutral[group.title.startswith("Disc")] if neutral else None
            found.append(_plot(group, steps, members, undecided))
    return found


def window(lines: int) -> int:
    """Returns how many of so many recorded lines a smoothed value is a mean of, an odd number."""
    return 2 * round(lines * WINDOW / 2) + 1


def running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Smooths a series by the mean over a window in whose middle a value stands.

    Args:
        values: float64 `(lines,)`; NaN does not count.
        width: Of the window, odd. At the ends, what is there of it is taken.

    Returns:
        float64 `(lines,)`; NaN where the window holds nothing.
    """
    half = width // 2
    known = np.isfinite(values)
    sums, counts = (
        np.concatenate([[0.0], np.cumsum(column)]) for column in (np.where(known, values, 0), known)
    )
    places = np.arange(len(values))
    first, after = np.maximum(places - half, 0), np.minimum(places + half + 1, len(values))
    count = counts[after] - counts[first]
    total = sums[after] - sums[first]
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)


def _plot(
    group: Group, steps: np.ndarray, metrics: Mapping[str, np.ndarray], undecided: float | None
) -> Plot:
    smoothed = {name: running_mean(x, window(len(steps))) for name, x in metrics.items()}
    parts = np.array_split(np.arange(len(steps)), min(len(steps), MOST_POINTS))
    axis = Axis.of(list(metrics.values()), list(smoothed.values()), undecided)
    last_step = max(int(steps[-1]), 1)
    middles = [int(steps[part[len(part) // 2]]) for part in parts]
    places = [1000 * step / last_step for step in middles]
    clipped = any(np.nanmax(x) > axis.high or np.nanmin(x) < axis.low for x in metrics.values())
    return Plot(
        group,
        [_curve(name, x, smoothed[name], parts, places, axis) for name, x in metrics.items()],
        axis.logarithmic,
        [(1000 * t / last_step, f"{t:,.0f}") for t in ticks(0, last_step)],
        [(axis.place(t), f"{t:.3g}") for t in axis.ticks()],
        None if undecided is None else axis.place(undecided),
        clipped,
        middles,
        [round(place, 1) for place in places],
    )


def _curve(
    name: str,
    values: np.ndarray,
    smoothed: np.ndarray,
    parts: Sequence[np.ndarray],
    places: Sequence[float],
    axis: Axis,
) -> Curve:
    rows = [(_mean(smoothed[p]), *_extremes(values[p])) for p in parts]
    # Through both extremes of what was put together, a curve looks as if all of it were drawn.
    ends = zip(places, rows, strict=True)
    raw = [(x, y) for x, (_, low, high) in ends for y in ((low,) if low == high else (low, high))]
    smooth = list(zip(places, (mean for mean, _, _ in rows), strict=True))
    last = next((mean for mean, _, _ in reversed(rows) if mean is not None), None)
    rounded = [tuple(None if y is None else float(f"{y:.4g}") for y in row) for row in rows]
    return Curve(
        name,
        _path(raw, axis),
        _path(smooth, axis),
        "" if last is None else f"{last:.3g}",
        rounded,  # type: ignore[arg-type]
    )


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None


def _extremes(values: np.ndarray) -> tuple[float | None, float | None]:
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if known.size else (None, None)


def _path(points: Sequence[tuple[float, float | None]], axis: Axis) -> str:
    """Draws lines through points, from the upper left corner as SVG has it, broken at gaps."""
    path, move = [], "M"
    for x, y in points:
        if y is None:
            move = "M"
        else:
            path.append(f"{move}{x:.0f} {1000 - axis.place(y):.0f}")
            move = "L"
    return "".join(path)
