"""Norms, against NumPy; each by every way in which it is computed."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from arrays import numbers, on_replicas, operations

from cyclegan_tf import compat
from cyclegan_tf.models import hardware
from cyclegan_tf.models.normalization import (
    BatchNormalization,
    InstanceNormalization,
    PenalizedInstanceNormalization,
)


@pytest.fixture(params=[True, False], ids=["AVX-512", "other"])
def processor(request, monkeypatch):
    monkeypatch.setattr(hardware, "has_avx512_only", lambda: request.param)


@pytest.fixture
def float16():
    keras.mixed_precision.set_global_policy("mixed_float16")
    yield
    keras.mixed_precision.set_global_policy("float32")


def normalized(images, axes):
    mean, variance = images.mean(axes, keepdims=True), images.var(axes, keepdims=True)
    return (images - mean) / np.sqrt(variance + 1e-5)


def normalized_gradient(images, upstream):
    """By the chain rule, in float64: mean and variance depend on every pixel, too."""
    images, upstream = images.astype(np.float64), upstream.astype(np.float64)
    result = normalized(images, (1, 2))
    centred = upstream - upstream.mean((1, 2), keepdims=True)
    along = result * (upstream * result).mean((1, 2), keepdims=True)
    return (centred - along) / np.sqrt(images.var((1, 2), keepdims=True) + 1e-5)


# With a variance of 1e-4, PyTorch's epsilon of 1e-5 and Keras' default of 1e-3 differ by far.
# With a variance of 1e-4, PyTorch's epsilon of 1e-5 and Keras' default of 1e-3 differ by far.
@pytest.mark.usefixtures("processor")
@pytest.mark.parametrize("deviation", [100.0, 1.0, 0.01])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", [InstanceNormalization, PenalizedInstanceNormalization])
def test_instance_norm_is_pytorchs(kind, training, deviation):
    images = numbers(2, 6, 5, 3, mean=0.5, deviation=deviation)
    upstream = numbers(2, 6, 5, 3, seed=1)
    network = keras.Sequential([keras.Input((None, None, 3)), kind(name="norm")])
    with tf.GradientTape() as tape:
        inputs = tf.constant(images)
        tape.watch(inputs)
        found = network(inputs, training=training)
    np.testing.assert_allclose(found, normalized(images, (1, 2)), atol=2e-4)
    expected = normalized_gradient(images, upstream)
    slope = tape.gradient(found, inputs, upstream)
    np.testing.assert_allclose(slope, expected, atol=2e-4 * np.abs(expected).max())
    assert not network.weights


@pytest.mark.usefixtures("processor")
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("batch", [1, 3, None])
def test_instance_norm_of_sizes_known_at_run_time(batch, training):
    images, layer = numbers(batch or 2, 6, 5, 3, mean=0.5), InstanceNormalization()

    @tf.function(input_signature=[tf.TensorSpec((batch, None, None, 3))])
    def norm(inputs):
        return layer(inputs, training=training)

    np.testing.assert_allclose(norm(images), normalized(images, (1, 2)), atol=1e-5)


@pytest.mark.usefixtures("processor")
@pytest.mark.parametrize("training", [True, False])
def test_a_single_pixel_is_its_own_mean(training):
    found = InstanceNormalization()(numbers(2, 1, 1, 3), training=training)
    np.testing.assert_allclose(found, np.zeros((2, 1, 1, 3)), atol=1e-29)


def of_batch(count, training):
    layer = InstanceNormalization()
    return operations(lambda x: layer(x, training=training), tf.TensorSpec((count, 8, 8, 3)))


def test_pictures_are_trained_on_one_by_one_where_that_is_fast(monkeypatch):
    monkeypatch.setattr(hardware, "has_avx512_only", lambda: True)
    batches = [of_batch(batch, True).count("FusedBatchNormV3") for batch in (1, 3, None)]
    assert batches == [1, 3, 0]
    assert "FusedBatchNormV3" not in of_batch(1, False)
    monkeypatch.setattr(hardware, "has_avx512_only", lambda: False)
    assert "FusedBatchNormV3" not in of_batch(1, True)


FUSED = """
from cyclegan_tf.cli import import_tensorflow
import_tensorflow()
import tensorflow as tf
from cyclegan_tf.models import hardware
from cyclegan_tf.models.normalization import InstanceNormalization
hardware.has_avx512_only = lambda: True
layer, v1 = InstanceNormalization(), tf.compat.v1
spec = tf.TensorSpec((None, None, None, 8))
function = tf.function(lambda x: tf.nn.relu(layer(x))).get_concrete_function(spec)
with tf.Graph().as_default(), v1.Session() as session:
    tf.import_graph_def(function.graph.as_graph_def(), name="")
    about = v1.RunMetadata()
    session.run(
        function.outputs[0].name,
        {function.inputs[0].name: [[[range(8)] * 4] * 4]},
        v1.RunOptions(output_partition_graphs=True),
        about,
    )
print(*(node.op for graph in about.partition_graphs for node in graph.node))
"""


def test_tensorflow_makes_one_operation_of_it():
    """In a process of its own, because tests do without the optimization of graphs."""
    command = [sys.executable, "-c", FUSED]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "_MklFusedInstanceNorm" in found
    assert not {"Mean", "Rsqrt", "Relu"} & set(found)


def test_instance_norm_is_the_stacks_own():
    home = "keras." if compat.KERAS_3 else "tensorflow_addons."
    assert InstanceNormalization.__base__.__module__.startswith(home)


@pytest.mark.usefixtures("float16", "processor")
def test_instance_norm_does_not_overflow_in_float16():
    # The variance of these, 1e6, is beyond float16.
    images = numbers(1, 8, 8, 2, deviation=1000.0)
    found = InstanceNormalization()(tf.constant(images, tf.float16))
    np.testing.assert_allclose(found, normalized(images, (1, 2)), atol=0.01)


@pytest.mark.parametrize(
    "layer",
    [
        InstanceNormalization(name="norm"),
        PenalizedInstanceNormalization(name="norm"),
        BatchNormalization(own_statistics=False, momentum=0.5),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_configurations_round_trip(layer):
    images = numbers(1, 4, 4, 2)
    expected = layer(images)  # Built, as layers of a network are that is copied.
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is type(layer)
    assert copy.get_config() == layer.get_config()
    copy(images)
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy(images), expected)


def scaled_batch_norm(channels, **options):
    """A layer with scales 1, 2, ... and offsets -1, -2, ..."""
    layer = BatchNormalization(**options)
    layer.build((None, None, None, channels))
    layer.gamma.assign(np.arange(1.0, channels + 1.0))
    layer.beta.assign(-np.arange(1.0, channels + 1.0))
    return layer


def test_batch_norm_takes_statistics_over_the_global_batch(strategy):
    images = numbers(4, 3, 2, 2, mean=3.0, deviation=0.1)
    images[2:] += 5.0  # So that the halves differ.
    with strategy.scope():
        layer = scaled_batch_norm(2)
    found = on_replicas(strategy, layer, images, training=True)
    expected = normalized(images, (0, 1, 2)) * [1.0, 2.0] - [1.0, 2.0]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    # A tenth of the way from 0 and 1.
    mean, variance = images.mean((0, 1, 2)), images.var((0, 1, 2))
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.1 * mean, rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.9 + 0.1 * variance, rtol=1e-4)


@pytest.mark.parametrize("training", [False, None])
def test_a_picture_that_is_not_trained_on_has_its_own_statistics(training):
    images = numbers(2, 4, 3, 2, mean=3.0)
    images[1] *= 10.0
    layer = scaled_batch_norm(2)
    expected = normalized(images, (1, 2)) * [1.0, 2.0] - [1.0, 2.0]
    np.testing.assert_allclose(layer(images, training=training), expected, atol=1e-4)
    np.testing.assert_array_equal(layer.moving_mean, [0.0, 0.0])


def test_or_the_running_averages_if_asked():
    images = numbers(2, 4, 3, 2)
    layer = scaled_batch_norm(2, own_statistics=False)
    layer.moving_mean.assign([1.0, 2.0])
    layer.moving_variance.assign([4.0, 9.0])
    expected = (images - [1.0, 2.0]) / np.sqrt(np.add([4.0, 9.0], 1e-5)) * [1.0, 2.0] - [1.0, 2.0]
    np.testing.assert_allclose(layer(images), expected, atol=1e-5)
    trained = normalized(images, (0, 1, 2)) * [1.0, 2.0] - [1.0, 2.0]
    np.testing.assert_allclose(layer(images, training=True), trained, atol=1e-4)


def test_scales_start_around_one():
    layer = BatchNormalization()
    layer.build((None, None, None, 4000))
    scales = layer.gamma.numpy()
    assert scales.mean() == pytest.approx(1.0, abs=5 * 0.02 / np.sqrt(4000))
    assert scales.std() == pytest.approx(0.02, rel=0.1)
    assert not layer.beta.numpy().any()


def test_own_statistics_do_not_overflow_in_float16():
    images = numbers(1, 8, 8, 2, deviation=1000.0)  # The variance is beyond float16.
    layer = scaled_batch_norm(2, dtype="mixed_float16")
    found = layer(images)
    assert found.dtype == tf.float16
    expected = normalized(images, (1, 2)) * [1.0, 2.0] - [1.0, 2.0]
    np.testing.assert_allclose(found, expected, atol=0.02)


@pytest.mark.parametrize(
    ("kind", "axes"), [(PenalizedInstanceNormalization, (1, 2)), (BatchNormalization, (0, 1, 2))]
)
def test_second_derivatives_are_right_as_a_gradient_penalty_needs(kind, axes):
    images, kernel = tf.constant(numbers(3, 6, 5, 2)), tf.constant(numbers(3, 3, 2, 4, seed=1))

    def by_formula(x):
        centred = x - tf.reduce_mean(x, axes, keepdims=True)
        variance = tf.reduce_mean(centred**2, axes, keepdims=True)
        return centred / tf.sqrt(variance + 1e-5)

    def steepness(norm):
        with tf.GradientTape() as outer:
            outer.watch(kernel)
            with tf.GradientTape() as inner:
                inner.watch(images)
                scores = tf.reduce_sum(norm(tf.nn.conv2d(images, kernel, 1, "VALID")) ** 3)
            slope = tf.reduce_sum(inner.gradient(scores, images) ** 2)
        return outer.gradient(slope, kernel)

    layer = kind(**({"gamma_initializer": "ones"} if kind is BatchNormalization else {}))
    found, expected = steepness(lambda x: layer(x, training=True)), steepness(by_formula)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
