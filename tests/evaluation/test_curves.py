"""Curves: smoothing, axes and what is kept of many points."""

import math
import re

import numpy as np
import pytest

from cyclegan_tf.evaluation.axes import ticks
from cyclegan_tf.evaluation.curves import MOST_POINTS, plots, running_mean, window


def points(path):
    """The corners of an SVG path, with the values' positions from below."""
    found = re.findall(r"[ML](-?\d+) (-?\d+)", path)
    return [(int(x), 1000 - int(y)) for x, y in found]


def plot_of(values, name="cycle_loss_a", **kwargs):
    values = np.asarray(values, float)
    (plot,) = plots(np.arange(1, len(values) + 1) * 10, {name: values}, **kwargs)
    return plot


def test_a_running_mean_is_the_mean_of_what_is_there_of_its_window():
    values = np.random.default_rng(0).normal(size=40)
    values[[0, 7, 8, 9, 30]] = np.nan
    for width in (1, 3, 11, 99):
        half = width // 2
        expected = []
        for place in range(40):
            near = values[max(place - half, 0) : place + half + 1]
            expected.append(np.nanmean(near) if np.isfinite(near).any() else np.nan)
        np.testing.assert_allclose(running_mean(values, width), expected)


def test_the_window_grows_with_the_run_and_has_a_middle():
    assert [window(lines) for lines in (0, 1, 10, 300, 3000)] == [1, 1, 1, 11, 101]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 6000, [0, 2000, 4000, 6000]),
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-0.3, 0.21, [-0.2, 0, 0.2]),
        (0, 7, [0, 2, 4, 6]),
    ],
)
def test_ticks_are_round_numbers_within(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


def test_every_metric_is_shown_once_in_its_group():
    names = ["generator_loss", "cycle_loss_a", "cycle_loss_b", "l1_loss", "adversarial_loss"]
    names += ["discriminator_loss_a", "gradient_penalty_b", "identity_loss_a", "new_metric"]
    names += ["generator_gradient_norm", "discriminator_gradient_norm"]
    metrics = {name: np.array([1.0, 2.0]) for name in names} | {"never": np.full(2, np.nan)}
    found = plots(np.array([1, 2]), metrics)
    assert sorted(curve.name for plot in found for curve in plot.curves) == sorted(names)
    groups = {plot.group.title: [curve.name for curve in plot.curves] for plot in found}
    assert groups["Cycle losses"] == ["cycle_loss_a", "cycle_loss_b"]
    assert groups["Gradient norms"] == names[-2:]
    assert groups["Other metrics"] == ["new_metric"]
    assert plots(np.zeros(0, int), {}) == []


def test_a_linear_axis_starts_at_zero_and_keeps_proportions():
    plot = plot_of([1.0, 3.0, 2.0, 4.0])
    (curve,) = plot.curves
    assert not plot.logarithmic and not plot.clipped
    xs, ys = zip(*points(curve.raw), strict=True)
    assert xs == (250, 500, 750, 1000)
    assert np.array(ys) / ys[-1] == pytest.approx([0.25, 0.75, 0.5, 1.0], abs=2e-3)
    assert plot.y_ticks[0] == (0.0, "0")
    assert plot.x_ticks == [(250 * i, f"{10 * i}") for i in range(5)]


def test_a_loss_that_falls_far_gets_a_logarithmic_axis():
    plot = plot_of(np.geomspace(1, 1e-3, 50))
    assert plot.logarithmic
    # What falls by the same factor falls by the same length.
    heights = np.diff([y for _, y in points(plot.curves[0].raw)][5:-5])
    assert np.ptp(heights) <= 1
    assert [label for _, label in plot.y_ticks] == ["0.003", "0.01", "0.03", "0.1", "0.3"]


def test_losses_below_zero_have_a_linear_axis_with_zero_in_it():
    plot = plot_of(np.linspace(-50, 0.1, 60), "discriminator_loss")
    assert not plot.logarithmic
    places = {label: place for place, label in plot.y_ticks}
    assert 0 < places["-40"] < places["0"] < 1000


def test_a_spike_does_not_flatten_the_rest_and_is_said():
    values = np.ones(400)
    values[200] = 100.0
    plot = plot_of(values, "generator_gradient_norm")
    assert plot.clipped and not plot.logarithmic
    # The running mean about the spike is (12 + 100) / 13, and is shown whole.
    assert min(y for _, y in points(plot.curves[0].raw)) == pytest.approx(1000 / 1.04 * 13 / 112, 1)
    assert max(y for _, y in points(plot.curves[0].smooth)) < 1000
    assert max(high for _, _, high in plot.curves[0].values) == 100.0


def test_of_many_points_the_extremes_are_kept():
    values = np.random.default_rng(0).uniform(1, 2, 20_000)
    values[12_345], values[6_789] = 3.0, 0.5
    plot = plot_of(values)
    (curve,) = plot.curves
    assert len(curve.values) == len(plot.steps) == len(plot.places) == MOST_POINTS
    assert max(high for _, _, high in curve.values) == 3.0
    assert min(low for _, low, _ in curve.values) == 0.5
    assert len(points(curve.raw)) == 2 * MOST_POINTS
    assert len(points(curve.smooth)) == MOST_POINTS
    assert float(curve.last) == pytest.approx(1.5, abs=0.1)


def test_gaps_stay_gaps():
    plot = plot_of([1.0, np.nan, 2.0, 3.0])
    (curve,) = plot.curves
    assert curve.raw.count("M") == 2 and len(points(curve.raw)) == 3
    assert curve.values[1] == (None, None, None)
    assert curve.last == "3"


@pytest.mark.parametrize("value", [0.0, 2.0, -3.0])
def test_one_line_of_one_value_can_be_drawn(value):
    plot = plot_of([value])
    assert len(points(plot.curves[0].smooth)) == 1
    assert all(0 <= place <= 1000 for place, _ in plot.y_ticks)


@pytest.mark.parametrize(
    ("mode", "name", "value"),
    [
        ("lsgan", "adversarial_loss_ab", 0.25),
        ("lsgan", "discriminator_loss_a", 0.25),
        ("vanilla", "discriminator_loss", math.log(2)),
        ("hinge", "discriminator_loss_b", 1.0),
        ("hinge", "adversarial_loss_ab", 0.0),
    ],
)
def test_undecided_is_what_the_losses_say_of_no_answer(mode, name, value):
    tf = pytest.importorskip("tensorflow")
    from cyclegan_tf.models.losses import adversarial_loss, discriminator_loss

    # The middle between what stands for real and for generated.
    answers = tf.fill([1, 3, 3, 1], 0.5 if mode == "lsgan" else 0.0)
    loss = adversarial_loss(answers, mode) if name[0] == "a" else None
    loss = discriminator_loss(answers, answers, mode) if loss is None else loss
    assert float(loss) == pytest.approx(value)
    plot = plot_of([0.0, 2.0], name, gan_mode=mode)
    # 2 lies at the top but for the margin of 4 %.
    assert plot.undecided == pytest.approx(1000 * value / 2.08)
    assert plot_of([0.0, 2.0], name, gan_mode="wgangp").undecided is None
    assert plot_of([0.0, 2.0], "cycle_loss_a", gan_mode=mode).undecided is None
