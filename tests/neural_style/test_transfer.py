"""A whole run on small pictures: what each option changes, and what is refused."""

import dataclasses

import numpy as np
import pytest

from cyclegan_tf.errors import UserError
from cyclegan_tf.neural_style import objective
from cyclegan_tf.neural_style.features import MEAN_COLOUR, Backbone
from cyclegan_tf.neural_style.objective import Objective, gram_matrices, to_pixels
from cyclegan_tf.neural_style.options import StyleOptions
from cyclegan_tf.neural_style.transfer import stylize, with_colours_of
from cyclegan_tf.neural_style.weights import random_weights

LOW = {"content_layers": "relu2_1", "style_layers": "relu1_1,relu2_1"}
FIELDS = {field.name for field in dataclasses.fields(StyleOptions)}


@pytest.fixture(scope="module")
def backbone():
    return Backbone("vgg16", random_weights("vgg16"))


def picture(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3)).astype(np.uint8)


CONTENT, STYLE, OTHER = picture(12, 16), picture(20, 10, seed=1), picture(9, 9, seed=2)


def painted(backbone, content=CONTENT, styles=(STYLE,), **options):
    chosen = {name: options.pop(name) for name in FIELDS & options.keys()}
    chosen = StyleOptions(**{"iterations": 3, **LOW, **chosen})
    return stylize(content, styles, backbone, chosen, **options)


def losses_of(backbone, **options):
    told = []
    painted(backbone, on_iteration=told.append, **options)
    return told


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_objective_goes_down_and_every_iteration_is_told(backbone, optimizer):
    told = losses_of(backbone, optimizer=optimizer, iterations=15)
    assert [progress.iteration for progress in told] == list(range(1, 16))
    assert told[0].iterations == 15
    assert set(told[0].losses) == {
        "content relu2_1",
        "style relu1_1",
        "style relu2_1",
        "total variation",
    }
    totals = [sum(progress.losses.values()) for progress in told]
    assert totals[-1] < 0.5 * totals[0]
    assert told[-1].image.shape == (12, 16, 3) and told[-1].image.dtype == np.uint8


def test_sizes_are_the_contents_or_what_is_asked_for(backbone):
    assert painted(backbone).shape == (12, 16, 3)
    assert painted(backbone, image_size=32).shape == (24, 32, 3)
    assert painted(backbone, content=None).shape == (20, 10, 3)
    assert painted(backbone, content=None, image_size=16, scales=2).shape == (16, 8, 3)


def test_the_same_seed_gives_the_same_picture(backbone):
    first, again, other = (painted(backbone, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    "options",
    [
        {"content_weight": 500.0},
        {"style_weight": 1.0},
        {"tv_weight": 1.0},
        {"styles": (STYLE, OTHER)},
        {"styles": (STYLE, OTHER), "style_blend": "1,3"},
        {"style_scale": 0.5},
        {"init": "content"},
        {"init": OTHER},
        {"original_colours": True},
        {"scales": 2},
        {"average": 0.5},
        {"normalize_gradients": True, "optimizer": "adam"},
        {"content_layers": "relu1_2"},
        {"style_layers": "relu1_1,relu2_1:0.1"},
        {"optimizer": "adam"},
        {"optimizer": "adam", "learning_rate": 1.0},
    ],
    ids=str,
)
def test_every_option_changes_the_picture(backbone, options):
    base = {name: options[name] for name in ("optimizer",) if len(options) > 1 and name in options}
    assert not np.array_equal(painted(backbone, **base), painted(backbone, **options))


def test_the_picture_starts_where_it_is_told_to(backbone):
    options = {"optimizer": "adam", "iterations": 1, "learning_rate": 1e-6}
    np.testing.assert_array_equal(painted(backbone, init="content", **options), CONTENT)
    same_size = picture(12, 16, seed=7)
    np.testing.assert_array_equal(painted(backbone, init=same_size, **options), same_size)
    grey = np.broadcast_to(np.rint(MEAN_COLOUR), (12, 16, 3))
    np.testing.assert_array_equal(painted(backbone, init="noise", **options), grey)


def test_a_pyramid_shares_the_iterations_and_ends_in_full_size(backbone):
    told = losses_of(backbone, scales=3, iterations=7, optimizer="adam")
    sizes = [tuple(progress.pixels.shape[1:3]) for progress in told]
    assert sizes == [(6, 8)] * 2 + [(8, 11)] * 2 + [(12, 16)] * 3
    assert [progress.iteration for progress in told] == list(range(1, 8))


def test_an_average_is_that_of_the_iterates(backbone):
    options = {"optimizer": "adam", "iterations": 3}
    plain = [progress.pixels.numpy() for progress in losses_of(backbone, **options)]
    averaged = losses_of(backbone, average=0.5, **options)[-1].pixels
    expected = (plain[0] + 2 * plain[1] + 4 * plain[2]) / 7
    np.testing.assert_allclose(averaged, expected, rtol=1e-5)


def test_blending_mixes_gram_matrices(backbone):
    layers = ["relu1_1"]
    one, two = (gram_matrices(backbone, [style], layers) for style in (STYLE, OTHER))
    mixed = gram_matrices(backbone, [STYLE, OTHER], layers, [3.0, 1.0])["relu1_1"]
    expected = 0.75 * one["relu1_1"] + 0.25 * two["relu1_1"]
    np.testing.assert_allclose(mixed, expected, rtol=1e-5)
    equal = gram_matrices(backbone, [STYLE, OTHER], layers)["relu1_1"]
    np.testing.assert_allclose(equal, (one["relu1_1"] + two["relu1_1"]) / 2, rtol=1e-5)


def test_the_style_may_be_that_of_a_collection(backbone):
    targets = gram_matrices(backbone, [STYLE, OTHER], LOW["style_layers"].split(","))
    found = painted(backbone, styles=(), style_targets=targets)
    assert not np.array_equal(found, painted(backbone))


def test_the_contents_colours_are_kept():
    found = with_colours_of(CONTENT, picture(12, 16, seed=5))
    grey = np.full_like(CONTENT, 128)
    np.testing.assert_allclose(with_colours_of(CONTENT, CONTENT), CONTENT, atol=3)
    assert np.ptp(with_colours_of(grey, found).astype(int), axis=-1).max() <= 2


def test_layers_have_a_say_by_weight_alone_with_normalized_gradients(backbone):
    image = to_pixels(OTHER)
    targets = gram_matrices(backbone, [STYLE], ["relu1_1"])

    def gradient(weight):
        options = StyleOptions(
            style_layers="relu1_1", style_weight=weight, tv_weight=0.0, normalize_gradients=True
        )
        goal = Objective(backbone, {}, targets, options)
        total, terms, slope = goal.compiled()(image)
        return float(total), float(terms["style relu1_1"]), slope.numpy()

    (total, term, one), (twice, _, two) = gradient(1.0), gradient(2.0)
    assert total == term
    np.testing.assert_allclose(twice, 2 * total, rtol=1e-5)
    np.testing.assert_allclose(two, 2 * one, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"styles": ()}, "missing style"),
        ({"optimizer": "sgd"}, "optimizer=sgd`: expected one of lbfgs, adam"),
        ({"iterations": 1, "scales": 2}, "iterations=1`: expected at least 2"),
        ({"scales": 0}, "scales=0"),
        ({"average": 1.0}, "average=1.0"),
        ({"style_scale": 0.0}, "style_scale=0.0"),
        ({"init": "content", "content": None}, "init=content: expected an image or noise"),
        ({"init": "magic"}, "init=magic"),
        ({"style_layers": "relu9_1"}, "no layer relu9_1"),
        ({"style_blend": "1,2"}, "one for each of the 1 styles"),
        ({"style_blend": "0"}, "not all 0"),
    ],
)
def test_mistakes_are_named(backbone, options, message):
    with pytest.raises(UserError, match=message):
        painted(backbone, **options)


def test_a_picture_that_is_too_small_is_named(backbone):
    with pytest.raises(UserError, match="too small for these layers"):
        painted(backbone, image_size=1)
    with pytest.raises(UserError, match="too small for these layers"):
        painted(backbone, styles=(picture(1, 8),), style_scale=0.5)


def test_several_pictures_share_one_graph(backbone):
    options = StyleOptions(iterations=1, **LOW)
    for content in (CONTENT, OTHER[:9, :9], CONTENT, picture(14, 18)):
        stylize(content, [STYLE], backbone, options)
    # The second size makes it one for all sizes.
    assert objective._evaluation(backbone, options).experimental_get_tracing_count() == 2
