"""Curves: smoothing, axes, and what the figures show."""

import math
import re

import numpy as np
import pytest

from cyclegan_tf.evaluation.curves import plots, running_mean, window
from cyclegan_tf.evaluation.page import drawing


def figure_of(values, name="cycle_loss_a", **kwargs):
    values = np.asarray(values, float)
    ((_, figure),) = plots(np.arange(1, len(values) + 1) * 10, {name: values}, **kwargs)
    return figure


def axes_of(values, name="cycle_loss_a", **kwargs):
    (axes,) = figure_of(values, name, **kwargs).axes
    return axes


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_running_mean_is_the_mean_of_what_is_there_of_its_window():
    values = np.random.default_rng(0).normal(size=40)
    values[[0, 7, 8, 9, 30]] = np.nan
    for width in (1, 3, 11, 39):
        half = width // 2
        expected = []
        for place in range(40):
            near = values[max(place - half, 0) : place + half + 1]
            expected.append(np.nanmean(near) if np.isfinite(near).any() else np.nan)
        np.testing.assert_allclose(running_mean(values, width), expected)


def test_the_window_grows_with_the_run_and_has_a_middle():
    assert [window(lines) for lines in (0, 1, 10, 300, 3000)] == [1, 1, 1, 11, 101]


def test_every_metric_is_shown_once_in_its_group():
    names = ["generator_loss", "cycle_loss_a", "cycle_loss_b", "l1_loss", "adversarial_loss"]
    names += ["discriminator_loss_a", "gradient_penalty_b", "identity_loss_a", "new_metric"]
    names += ["generator_gradient_norm", "discriminator_gradient_norm"]
    metrics = {name: np.array([1.0, 2.0]) for name in names} | {"never": np.full(2, np.nan)}
    found = plots(np.array([1, 2]), metrics)
    groups = {
        group.title: [label.split(":")[0] for label in legend(figure)] for group, figure in found
    }
    assert sorted(name for shown in groups.values() for name in shown) == sorted(names)
    assert groups["Cycle losses"] == ["cycle_loss_a", "cycle_loss_b"]
    assert groups["Gradient norms"] == names[-2:]
    assert groups["Other metrics"] == ["new_metric"]
    assert plots(np.zeros(0, int), {}) == []


def test_a_figure_says_what_it_shows_and_where_it_ends():
    values = np.linspace(3, 1, 100)
    values[-1] = np.nan
    figure = figure_of(values, gan_mode="lsgan")
    (axes,) = figure.axes
    raw, smooth = axes.lines
    np.testing.assert_array_equal(raw.get_ydata(), values)
    np.testing.assert_array_equal(smooth.get_ydata(), running_mean(values, window(100)))
    assert raw.get_alpha() < 0.5 and smooth.get_alpha() is None
    assert raw.get_color() == smooth.get_color()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "weighted loss")
    assert legend(figure) == ["cycle_loss_a: 1.03"]
    assert figure.get_label() == "Cycle losses over steps. At the end: cycle_loss_a 1.03"


def test_a_linear_axis_starts_at_zero_and_holds_all():
    axes = axes_of([1.0, 3.0, 2.0, 4.0])
    low, high = axes.get_ylim()
    assert axes.get_yscale() == "linear"
    assert low == 0 and 4 < high < 4.3
    assert axes.get_xlim()[0] == 0 and 40 < axes.get_xlim()[1] < 42


@pytest.mark.parametrize("smallest", [1e-2, 1e-4, 1e-7, 1e-14])
def test_a_loss_that_falls_far_gets_a_logarithmic_axis(smallest):
    values = np.geomspace(1, smallest, 300)
    axes = axes_of(values)
    assert axes.get_yscale() == "log" and axes.get_ylabel().endswith("\n(logarithmic)")
    low, high = axes.get_ylim()
    means = axes.lines[1].get_ydata()
    assert low <= means.min() and means.max() <= high
    labelled = [tick for tick in axes.get_yticks() if low <= tick <= high]
    assert 3 <= len(labelled) <= 8


def test_losses_below_zero_have_a_linear_axis_with_zero_in_it():
    axes = axes_of(np.linspace(-50, -0.1, 60), "discriminator_loss")
    low, high = axes.get_ylim()
    assert axes.get_yscale() == "linear" and low < -50 and 0 < high < 5


def test_a_spike_does_not_flatten_the_rest():
    values = np.ones(400)
    values[200] = 100.0
    axes = axes_of(values, "generator_gradient_norm")
    # The running mean about the spike is shown whole.
    assert axes.get_yscale() == "linear"
    assert axes.get_ylim()[1] == pytest.approx(1.04 * (99 / window(400) + 1))


def raw_points(figure):
    """The corners of the faint line in the drawing, of which each has a command of its own."""
    path = next(path for path in drawing(figure).split("<path") if "stroke-opacity: 0.33" in path)
    return re.findall(r"([ML]) (\S+) (\S+)", path)


def test_of_a_long_run_a_bounded_number_of_points_is_drawn_with_its_extremes():
    values = np.random.default_rng(0).uniform(1, 2, 100_000)
    values[45_678] = 1.0
    values[2_000:] -= 0.4
    figure = figure_of(values)
    corners = raw_points(figure)
    assert len(corners) < 2_000
    (low, high), (bottom, top) = figure.axes[0].get_ylim(), figure.axes[0].bbox.intervaly
    heights = figure.bbox.height - np.array([float(y) for _, _, y in corners]) * figure.dpi / 72
    drawn = low + (heights - bottom) / (top - bottom) * (high - low)
    assert (drawn.min(), drawn.max()) == pytest.approx((0.6, 2.0), abs=0.01)


def test_gaps_stay_gaps():
    corners = raw_points(figure_of([1.0, 2.0, np.nan, 2.0, 3.0]))
    assert [command for command, _, _ in corners] == ["M", "L", "M", "L"]


@pytest.mark.parametrize("value", [0.0, 2.0, -3.0])
def test_one_line_of_one_value_can_be_drawn(value):
    figure = figure_of([value])
    low, high = figure.axes[0].get_ylim()
    assert low <= value <= high and low < high
    # The end is marked, in the plot as in the legend.
    points = [line for line in drawing(figure).splitlines() if "<use" in line and "#2a6fdb" in line]
    assert len(points) == 2


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
    figure = figure_of([0.0, 2.0], name, gan_mode=mode)
    assert legend(figure)[1:] == ["undecided"]
    assert set(figure.axes[0].lines[-1].get_ydata()) == {value}
    assert len(legend(figure_of([0.0, 2.0], name, gan_mode="wgangp"))) == 1
    assert len(legend(figure_of([0.0, 2.0], "cycle_loss_a", gan_mode=mode))) == 1
