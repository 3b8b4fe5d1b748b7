"""The layers that Keras does not have."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.models.layers import Blend, ReflectionPadding2D, RequireMultiple

LAYERS = [ReflectionPadding2D(2, name="pad"), RequireMultiple(4, name="size"), Blend()]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_configurations_round_trip(layer):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is type(layer)
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize("padding", [1, 3])
def test_reflection_padding_is_numpys(padding):
    images = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype(np.float32)
    layer = ReflectionPadding2D(padding)
    expected = np.pad(images, ((0, 0), (padding,) * 2, (padding,) * 2, (0, 0)), mode="reflect")
    np.testing.assert_array_equal(layer(images), expected)
    assert tuple(layer.compute_output_shape(images.shape)) == expected.shape
    assert tuple(layer.compute_output_shape((None, None, 5, 3))) == (None, None, 5 + 2 * padding, 3)


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
