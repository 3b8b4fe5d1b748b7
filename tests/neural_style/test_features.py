"""VGG's features: their shapes and places, and what is said about weights that do not fit."""

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.errors import UserError
from cyclegan_tf.neural_style.features import MEAN_COLOUR, Backbone, kernel_shapes
from cyclegan_tf.neural_style.weights import random_weights


def picture(height, width, seed=0):
    values = np.random.default_rng(seed).uniform(0, 255, (1, height, width, 3))
    return tf.constant(values, tf.float32)


@pytest.mark.parametrize(
    ("name", "layers", "parameters"),
    [
        ("vgg16", 13, 14_714_688),
        ("vgg19", 16, 20_024_384),
    ],
)
def test_a_vgg_has_the_published_size(name, layers, parameters):
    shapes = kernel_shapes(name)
    assert len(shapes) == layers
    assert sum(np.prod(shape) + shape[-1] for shape in shapes.values()) == parameters


def test_features_have_the_shapes_of_their_blocks():
    backbone = Backbone("vgg19", random_weights("vgg19"))
    found = backbone(picture(37, 50), ["relu1_2", "relu3_4", "relu5_1"])
    shapes = {name: tuple(features.shape) for name, features in found.items()}
    assert shapes == {
        "relu1_2": (1, 37, 50, 64),
        "relu3_4": (1, 9, 12, 256),
        "relu5_1": (1, 2, 3, 512),
    }
    assert all(float(tf.reduce_min(features)) == 0.0 for features in found.values())


def test_the_mean_colour_has_no_features_and_blue_comes_first():
    weights = random_weights("vgg16")
    backbone = Backbone("vgg16", weights)
    flat = tf.broadcast_to(tf.constant(MEAN_COLOUR), (1, 8, 8, 3))
    assert float(tf.reduce_max(backbone(flat, ["relu2_2"])["relu2_2"])) == 0.0
    redder = flat + tf.constant([1.0, 0.0, 0.0])
    expected = np.maximum(weights["block1_conv1/kernel"][:, :, 2].sum((0, 1)), 0.0)
    found = backbone(redder, ["relu1_1"])["relu1_1"][0, 4, 4]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("pooling", "pool"), [("max", np.max), ("average", np.mean)])
def test_pooling_takes_squares_of_two(pooling, pool):
    backbone = Backbone("vgg16", random_weights("vgg16"), pooling)
    found = backbone(picture(4, 4), ["relu1_2", "relu2_1"])
    squares = found["relu1_2"].numpy().reshape(2, 2, 2, 2, 64)
    pooled = backbone._pooled(found["relu1_2"])
    np.testing.assert_allclose(pooled[0], pool(squares, axis=(1, 3)), rtol=1e-5)


def test_nothing_above_the_highest_layer_is_computed():
    backbone = Backbone("vgg16", random_weights("vgg16"))
    graph = tf.function(lambda x: backbone(x, ["relu2_1"])).get_concrete_function(picture(8, 8))
    assert sum(op.type == "Conv2D" for op in graph.graph.get_operations()) == 3


def test_mistakes_are_named():
    weights = random_weights("vgg16")
    backbone = Backbone("vgg16", weights)
    with pytest.raises(UserError, match="vgg16 has no layer conv4, relu3_4; choose from relu1_1, "):
        backbone(picture(8, 8), ["relu3_4", "conv4", "relu1_1"])
    with pytest.raises(UserError, match="too small for these layers"):
        backbone(picture(8, 8), ["relu5_1"])
    with pytest.raises(UserError, match=r"not the weights of vgg19: block3_conv4 .* None"):
        Backbone("vgg19", weights)
    weights["block1_conv2/bias"] = weights["block1_conv2/bias"][:-1]
    with pytest.raises(UserError, match=r"block1_conv2 .*\(63,\), expected .*\(64,\)"):
        Backbone("vgg16", weights)
