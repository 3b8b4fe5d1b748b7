"""The comparison of methods, on methods whose figures are known by thought."""

import numpy as np
import pytest

from cyclegan_tf.evaluation.methods import Costs, Yardstick, compare
from cyclegan_tf.neural_style.features import Backbone
from cyclegan_tf.neural_style.weights import random_weights

LAYERS = {"content_layers": ["relu2_1"], "style_layers": ["relu1_1", "relu2_1"]}


@pytest.fixture(scope="module")
def backbone():
    return Backbone("vgg16", random_weights("vgg16"))


def pictures(count, seed=0, size=(16, 20)):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (*size, 3)).astype(np.uint8) for _ in range(count)]


def test_every_method_is_measured_on_the_same_pictures(backbone):
    inputs, targets = pictures(4), pictures(5, seed=1)
    truths = [255 - picture for picture in inputs]
    methods = {"nothing": lambda picture: picture, "inversion": lambda picture: 255 - picture}
    found = compare(inputs, methods, targets, backbone, **LAYERS, truths=truths, progress=False)
    assert list(found.pictures) == ["input", "nothing", "inversion", "truth"]
    assert found.complete
    figures = found.figures
    assert figures["inversion"]["mae"] == 0.0
    assert figures["nothing"]["mae"] == pytest.approx(
        np.mean([np.abs(2.0 * picture - 255.0) for picture in inputs])
    )
    assert figures["nothing"]["content_distance"] == 0.0
    assert figures["inversion"]["content_distance"] > 0.1
    for name, same in (("input", "nothing"), ("truth", "inversion")):
        for kind in ("content_distance", "gram_distance", "kid", "kid_standard_error"):
            assert figures[name][kind] == pytest.approx(figures[same][kind])
    assert "seconds" in figures["nothing"] and "seconds" not in figures["input"]
    assert "mae" not in figures["truth"]


def test_without_truths_there_is_no_error(backbone):
    found = compare(
        pictures(2), {"nothing": lambda p: p}, pictures(2), backbone, **LAYERS, progress=False
    )
    assert list(found.pictures) == ["input", "nothing"]
    # Two pictures have a content and a style, but are too few for a distance of sets.
    kinds = {"content_distance", "gram_distance", "seconds"}
    assert set(found.figures["nothing"]) == kinds


def test_what_is_made_is_measured_when_it_is_stopped(backbone):
    def stops(picture):
        if picture[0, 0, 0] == 3:
            raise KeyboardInterrupt
        return picture

    inputs = [np.full((16, 16, 3), level, np.uint8) for level in (1, 2, 3)]
    methods = {"first": lambda picture: picture, "second": stops}
    found = compare(inputs, methods, inputs, backbone, **LAYERS, progress=False)
    assert not found.complete
    assert {name: len(made) for name, made in found.pictures.items()} == {
        **{"input": 2, "first": 2, "second": 2},
    }
    with pytest.raises(KeyboardInterrupt):
        compare(inputs[2:], methods, inputs, backbone, **LAYERS, progress=False)


def test_pictures_of_the_domain_are_near_to_it(backbone):
    flat = [np.full((16, 16, 3), level, np.uint8) for level in (60, 120, 180, 240)]
    noisy = pictures(4, size=(16, 16))
    own, other = (
        Yardstick(backbone, found, noisy, **LAYERS).measure(found) for found in (noisy, flat)
    )
    assert own["gram_distance"] < 0.1 * other["gram_distance"]
    assert own["kid"] < 2 * own["kid_standard_error"] < other["kid"]
    assert own["content_distance"] == other["content_distance"] == 0.0


def test_one_picture_is_its_domains_average(backbone):
    (picture,) = pictures(1)
    figures = Yardstick(backbone, [picture], [picture], **LAYERS).measure([picture])
    assert figures == pytest.approx({"content_distance": 0.0, "gram_distance": 0.0})


@pytest.mark.parametrize(
    ("training", "translating", "painting", "expected"),
    [
        (1000.0, 1.0, 11.0, 99),  # (1000 - 10) / 10
        (1001.0, 1.0, 11.0, 100),
        (5.0, 1.0, 11.0, 1),
        (1000.0, 2.0, 2.0, None),
        (None, 1.0, 11.0, None),
    ],
)
def test_training_pays_off_when_both_have_cost_the_same(training, translating, painting, expected):
    costs = Costs(training, "CPU", 10.0, translating, painting, "CPU")
    assert costs.break_even == expected
    if training and expected and expected > 1:
        spent = [training + n * translating for n in (expected - 1, expected)]
        alternative = [10.0 + n * painting for n in (expected - 1, expected)]
        assert spent[0] > alternative[0] and spent[1] <= alternative[1]
