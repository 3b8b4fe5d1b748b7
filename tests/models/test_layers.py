"""The layers that Keras does not have."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from arrays import numbers, on_replicas

from cyclegan_tf.compat import raw_variable
from cyclegan_tf.models import hardware
from cyclegan_tf.models.layers import (
    Blend,
    Dropout,
    ReflectionPadding2D,
    RequireMultiple,
    SpectralConv2D,
)

LAYERS = [
    (ReflectionPadding2D, {"padding": 2, "name": "pad"}),
    (RequireMultiple, {"multiple": 4}),
    (Blend, {"name": "blend"}),
    (Dropout, {"rate": 0.3, "always": True, "seed": 5}),
    (SpectralConv2D, {"filters": 4, "kernel_size": (3, 3), "strides": (2, 2), "zeros": 1}),
]


@pytest.mark.parametrize(("kind", "arguments"), LAYERS, ids=lambda x: getattr(x, "__name__", ""))
def test_configurations_round_trip(kind, arguments):
    layer = kind(**arguments)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is kind
    assert copy.get_config() == layer.get_config()
    assert {name: getattr(copy, name) for name in arguments} == arguments


def test_a_drawn_seed_is_part_of_the_configuration():
    layer = Dropout(0.3)
    assert Dropout.from_config(layer.get_config()).seed == layer.seed


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("padding", [1, 3])
def test_reflection_padding_is_numpys(padding, gpu, monkeypatch):
    monkeypatch.setattr(hardware, "has_gpu", lambda: gpu)
    images = numbers(2, 4, 5, 3)
    layer = ReflectionPadding2D(padding)
    expected = np.pad(images, ((0, 0), (padding,) * 2, (padding,) * 2, (0, 0)), mode="reflect")
    np.testing.assert_array_equal(layer(images), expected)
    assert tuple(layer.compute_output_shape(images.shape)) == expected.shape
    assert tuple(layer.compute_output_shape((None, None, 5, 3))) == (None, None, 5 + 2 * padding, 3)


def test_what_a_pixel_becomes_is_what_its_gradient_adds_up():
    images, upstream = tf.constant(numbers(2, 4, 5, 3)), numbers(2, 10, 11, 3, seed=1)
    with tf.GradientTape() as tape:
        tape.watch(images)
        padded = ReflectionPadding2D(3)(images)
    expected = np.zeros(images.shape, np.float32)
    sources = np.pad(np.arange(20).reshape(4, 5), 3, mode="reflect")
    for place, source in np.ndenumerate(sources):
        expected[:, source // 5, source % 5] += upstream[:, place[0], place[1]]
    np.testing.assert_allclose(tape.gradient(padded, images, upstream), expected, atol=1e-5)


@pytest.mark.parametrize("padding", [0, -1, 1.0, "1"])
def test_reflection_padding_refuses_what_is_no_positive_integer(padding):
    with pytest.raises(ValueError, match=f"positive integer. Received: {padding}"):
        ReflectionPadding2D(padding)


def test_fitting_sizes_pass_unchanged_and_others_are_refused_at_once():
    images = np.random.default_rng(0).normal(size=(1, 8, 12, 2)).astype(np.float32)
    layer = RequireMultiple(4)
    np.testing.assert_array_equal(layer(images), images)
    for height, width in ((8, 10), (9, 8)):
        with pytest.raises(ValueError, match="multiples of 4"):
            layer(np.zeros((1, height, width, 2), np.float32))
    # One known side is enough to refuse.
    with pytest.raises(ValueError, match="multiples of 4"):
        layer(keras.Input((None, 10, 2)))


@pytest.mark.parametrize(
    ("height", "width", "fits"), [(8, 12, True), (8, 10, False), (6, 8, False)]
)
def test_sizes_known_only_at_run_time_are_checked_then(height, width, fits):
    layer = RequireMultiple(4)
    call = tf.function(layer, input_signature=[tf.TensorSpec((None, None, None, 1))])
    images = tf.random.stateless_normal((1, height, width, 1), [0, 0])
    if fits:
        np.testing.assert_array_equal(call(images), images)
    else:
        with pytest.raises(tf.errors.InvalidArgumentError, match="multiples of 4"):
            call(images)


def blended(content, mask, image, **options):
    """Blends with the given content and mask, before tanh and sigmoid."""
    mask = np.full((*np.shape(image)[:-1], 1), mask, np.float32)
    content = np.full(np.shape(image), content, np.float32)
    return Blend(**options)([np.concatenate([content, mask], axis=-1), image])


IMAGE = np.linspace(-1.0, 1.0, 24, dtype=np.float32).reshape(1, 2, 4, 3)


def test_where_the_mask_is_closed_the_picture_stays_exactly_as_it_is():
    np.testing.assert_array_equal(blended(3.0, -200.0, IMAGE), IMAGE)


@pytest.mark.parametrize("content", [-1.0, 0.0, 2.0])
def test_where_the_mask_is_open_there_is_the_content(content):
    expected = np.full_like(IMAGE, np.tanh(content))
    np.testing.assert_allclose(blended(content, 30.0, IMAGE), expected, atol=1e-6)


def test_in_between_it_is_a_weighted_mean_with_one_weight_for_all_channels():
    rng = np.random.default_rng(0)
    content, mask = rng.normal(size=(1, 2, 4, 3)), rng.normal(size=(1, 2, 4, 1))
    weight = 1.0 / (1.0 + np.exp(-mask))
    expected = (1.0 - weight) * IMAGE + weight * np.tanh(content)
    found = Blend()([np.concatenate([content, mask], axis=-1).astype(np.float32), IMAGE])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(found).max() <= 1.0
    assert tuple(Blend().compute_output_shape([(1, 2, 4, 4), IMAGE.shape])) == IMAGE.shape


def test_blending_computes_in_float32():
    image = tf.constant(IMAGE, tf.float16)
    result = Blend(dtype="float32")([tf.zeros((1, 2, 4, 4), tf.float16), image])
    assert result.dtype == tf.float32
    np.testing.assert_allclose(result, 0.5 * tf.cast(image, tf.float32), rtol=1e-6)


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.5])
def test_dropout_drops_a_share_and_keeps_the_mean(rate):
    images = np.ones((4, 16, 16, 8), np.float32)
    found = Dropout(rate, seed=0)(images, training=True).numpy()
    assert set(np.unique(found)) <= {0.0, np.float32(1.0 / (1.0 - rate))}
    error = 5.0 * np.sqrt(rate * (1.0 - rate) / images.size)
    assert (found == 0).mean() == pytest.approx(rate, abs=error)


def test_dropout_is_the_same_on_any_number_of_replicas(strategy):
    images = numbers(4, 3, 3, 2)
    with strategy.scope():
        layer = Dropout(0.5, seed=3)
    alone = Dropout(0.5, seed=3)
    for count in range(1, 4):
        found = on_replicas(strategy, layer, images, training=True)
        np.testing.assert_array_equal(found, alone(images, training=True))
        assert int(layer.count.numpy()) == count


def test_dropout_drops_others_in_every_step_and_counts_the_steps():
    images, layer = np.ones((1, 8, 8, 4), np.float32), Dropout(0.5, seed=0)
    first, second = (layer(images, training=True).numpy() for _ in range(2))
    assert 0.4 < (first != second).mean() < 0.6
    # A run that is resumed goes on as it would have.
    resumed, other = Dropout(0.5, seed=0), Dropout(0.5, seed=1)
    resumed.build(images.shape)
    resumed.count.assign(1)
    np.testing.assert_array_equal(resumed(images, training=True), second)
    assert 0.4 < (other(images, training=True).numpy() != first).mean() < 0.6


@pytest.mark.parametrize("training", [False, None])
def test_dropout_is_for_training_unless_it_is_always_on(training):
    images = np.ones((1, 8, 8, 4), np.float32)
    layer = Dropout(0.5, seed=0)
    np.testing.assert_array_equal(layer(images, training=training), images)
    always = Dropout(0.5, always=True, seed=0)
    found = always(images, training=training).numpy()
    assert 0.3 < (found == 0).mean() < 0.7
    np.testing.assert_array_equal(always(images, training=training), found)
    assert int(always.count.numpy()) == 0
    # What it drops next in training is what training alone would have dropped.
    np.testing.assert_array_equal(always(images, training=True), layer(images, training=True))


def test_seeds_of_dropout_follow_the_programs():
    def seeds():
        keras.utils.set_random_seed(0)
        return [Dropout(0.5).seed for _ in range(2)]

    assert seeds() == seeds()
    assert len(set(seeds())) == 2


def test_dropout_leaves_the_precision_alone():
    images = tf.ones((1, 4, 4, 2), tf.float16)
    assert Dropout(0.5, dtype="mixed_float16")(images, training=True).dtype == tf.float16


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_dropout_refuses_what_is_no_share(rate):
    with pytest.raises(ValueError, match=f"in \\[0, 1\\). Received: {rate}"):
        Dropout(rate)


def effective_kernel(layer, channels):
    """A layer's kernel as a matrix with a column for each output channel, from what it does."""
    size = layer.kernel_size[0]
    impulses = np.zeros((channels, 2 * size - 1, 2 * size - 1, channels), np.float32)
    impulses[:, size - 1, size - 1] = np.eye(channels)
    return np.asarray(layer(impulses)).reshape(-1, layer.filters)


def spectral(channels, *arguments, calls=0, **options):
    layer = SpectralConv2D(*arguments, use_bias=False, **options)
    images = numbers(1, 8, 8, channels)
    layer(images)
    layer.set_weights([numbers(*layer.kernel.shape), *layer.get_weights()[1:]])
    for _ in range(calls):
        layer(images, training=True)
    return layer


@pytest.mark.parametrize(("filters", "size", "channels"), [(5, 3, 2), (24, 1, 7), (1, 4, 3)])
def test_the_largest_singular_value_is_one(filters, size, channels):
    layer = spectral(channels, filters, size, calls=60)
    found = np.linalg.svd(effective_kernel(layer, channels), compute_uv=False)
    kernel = np.reshape(layer.kernel, (-1, filters))
    values = np.linalg.svd(kernel, compute_uv=False)
    np.testing.assert_allclose(found, values / values[0], atol=1e-3)
    assert found[0] == pytest.approx(1.0, abs=1e-3)


def test_the_singular_vector_moves_in_training_only():
    layer, images = spectral(3, 4, 3), numbers(1, 8, 8, 3)
    before = layer.right.numpy()
    first = layer(images)
    np.testing.assert_array_equal(layer(images, training=False), first)
    np.testing.assert_array_equal(layer.right.numpy(), before)
    layer(images, training=True)
    assert np.linalg.norm(layer.right.numpy() - before) > 0.01
    assert np.linalg.norm(layer.right.numpy()) == pytest.approx(1.0)
    assert [w.name.split("/")[-1].split(":")[0] for w in layer.non_trainable_weights] == [
        "singular_vector"
    ]


def test_gradients_pass_through_the_division():
    layer, images, weight = spectral(3, 4, 1, calls=100), numbers(2, 3, 3, 3), numbers(2, 3, 3, 4)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(images) * weight)
    found = tape.gradient(loss, layer.trainable_weights[0]).numpy().reshape(3, 4)

    # The loss is linear in the divided kernel.
    slope = np.einsum("byxc,byxo->co", np.float64(images), weight)

    def loss_of(kernel):
        return np.sum(slope * kernel) / np.linalg.svd(kernel, compute_uv=False)[0]

    kernel, step = np.float64(np.reshape(layer.kernel, (3, 4))), 1e-5
    expected = np.zeros((3, 4))
    for place in np.ndindex(3, 4):
        nudge = np.zeros((3, 4))
        nudge[place] = step
        expected[place] = (loss_of(kernel + nudge) - loss_of(kernel - nudge)) / (2.0 * step)
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())
    # It can tell: without the division's part, the gradient would be this.
    undivided = slope / np.linalg.svd(kernel, compute_uv=False)[0]
    assert np.abs(undivided - expected).max() > 0.1 * np.abs(expected).max()


def test_gradients_take_the_singular_vectors_for_constants():
    layer, images, weight = spectral(3, 4, 1), numbers(2, 3, 3, 3), numbers(2, 3, 3, 4)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(images) * weight)
    found = tape.gradient(loss, layer.trainable_weights[0]).numpy().reshape(3, 4)
    slope = np.einsum("byxc,byxo->co", images, weight)
    kernel, right = np.reshape(layer.kernel, (3, 4)), layer.right.numpy()
    largest = np.linalg.norm(kernel @ right)  # As far as it is known.
    left = kernel @ right / largest
    expected = slope / largest - np.sum(slope * kernel) / largest**2 * np.outer(left, right)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_spectral_norm_is_the_same_on_any_number_of_replicas(strategy):
    images = numbers(2, 8, 8, 3)
    with strategy.scope():
        layer = spectral(3, 4, 3)
    alone = spectral(3, 4, 3)
    for _ in range(3):
        found = on_replicas(strategy, layer, images, training=True)
        np.testing.assert_allclose(found, alone(images, training=True), atol=1e-5)
    for copy in strategy.experimental_local_results(raw_variable(layer.right)):
        np.testing.assert_allclose(copy, alone.right.numpy(), atol=1e-6)
