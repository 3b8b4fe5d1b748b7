"""Encoders and decoders: what passes through the code, and where unpooling puts things."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.compat import network_state
from cyclegan_tf.models.autoencoders import (
    MaxPoolingWithIndices2D,
    MaxUnpooling2D,
    encoder_decoder,
    segnet,
)

both = pytest.mark.parametrize("build", [encoder_decoder, segnet])


def randomized(model, seed=0, deviation=0.3):
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, deviation, w.shape).astype(np.float32) for w in model.weights])
    return model


def pictures(height, width, channels=3, batch=2, seed=1):
    shape = (batch, height, width, channels)
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def silence(model, layer):
    """Sets a layer's weights to 0."""
    for name, variable in network_state(model).items():
        if name.startswith(f"{layer}/"):
            variable.assign(tf.zeros_like(variable))


@pytest.mark.parametrize(
    ("bottleneck", "channels"), [(None, 16), (1, 1), (3, 3)], ids=["default", "one", "three"]
)
def test_the_code_has_as_many_values_as_asked(bottleneck, channels):
    model = encoder_decoder(filters=2, bottleneck=bottleneck)
    code = keras.Model(model.input, model.get_layer("code_conv").output)
    assert code(pictures(32, 64)).shape == (2, 2, 4, channels)


@pytest.mark.parametrize("norm", ["none", "batch", "instance"])
def test_there_is_no_way_around_the_code(norm):
    model = randomized(encoder_decoder(filters=2, bottleneck=1, norm=norm))
    one, other = model(pictures(32, 32, batch=1)), model(pictures(32, 32, batch=1, seed=2))
    assert np.abs(one - other).max() > 1e-3
    silence(model, "code_conv")
    one, other = model(pictures(32, 32, batch=1)), model(pictures(32, 32, batch=1, seed=2))
    np.testing.assert_array_equal(one, other)


def test_the_code_is_linear():
    model = randomized(encoder_decoder(filters=2, bottleneck=2, norm="none"))
    before = keras.Model(model.input, model.get_layer("down_4_relu").output)
    code = keras.Model(model.input, model.get_layer("code_conv").output)
    state = {name: variable.numpy() for name, variable in network_state(model).items()}
    expected = before(pictures(16, 16)) @ state["code_conv/kernel"][0, 0] + state["code_conv/bias"]
    np.testing.assert_allclose(code(pictures(16, 16)), expected, atol=1e-5)


def test_segnets_indices_pass_by_the_middle():
    model = randomized(segnet(filters=2, norm="none"))
    silence(model, "down_4_2_conv")
    one, other = model(pictures(32, 32)), model(pictures(32, 32, seed=2))
    assert np.abs(one - other).max() > 1e-3


def test_channels_and_filters_are_as_asked():
    def kernels(model):
        return {
            name.split("/")[0]: tuple(variable.shape)
            for name, variable in network_state(model).items()
            if name.endswith("kernel")
        }

    assert kernels(encoder_decoder(1, 2, filters=3, bottleneck=5)) == {
        "down_1_conv": (4, 4, 1, 3),
        "down_2_conv": (4, 4, 3, 6),
        "down_3_conv": (4, 4, 6, 12),
        "down_4_conv": (4, 4, 12, 24),
        "code_conv": (1, 1, 24, 5),
        "up_4_conv": (4, 4, 12, 5),
        "up_3_conv": (4, 4, 6, 12),
        "up_2_conv": (4, 4, 3, 6),
        "up_1_conv": (4, 4, 2, 3),
    }
    assert kernels(segnet(1, 2, filters=3)) == {
        "down_1_1_conv": (3, 3, 1, 3),
        "down_1_2_conv": (3, 3, 3, 3),
        "down_2_1_conv": (3, 3, 3, 6),
        "down_2_2_conv": (3, 3, 6, 6),
        "down_3_1_conv": (3, 3, 6, 12),
        "down_3_2_conv": (3, 3, 12, 12),
        "down_4_1_conv": (3, 3, 12, 24),
        "down_4_2_conv": (3, 3, 24, 24),
        "up_4_1_conv": (3, 3, 24, 24),
        "up_4_2_conv": (3, 3, 24, 12),
        "up_3_1_conv": (3, 3, 12, 12),
        "up_3_2_conv": (3, 3, 12, 6),
        "up_2_1_conv": (3, 3, 6, 6),
        "up_2_2_conv": (3, 3, 6, 3),
        "up_1_1_conv": (3, 3, 3, 3),
        "head_conv": (3, 3, 3, 2),
    }


@pytest.mark.parametrize("size", [(16, 16), (32, 48)])
@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
@both
def test_the_output_has_the_inputs_size_and_range(build, size, upsampling):
    output = randomized(build(filters=1, upsampling=upsampling), deviation=1.0)(pictures(*size))
    assert tuple(output.shape) == (2, *size, 3)
    assert np.abs(output).max() <= 1.0


@both
def test_other_sizes_are_refused(build):
    model = build(filters=1)
    with pytest.raises(ValueError, match="multiples of 16"):
        model(pictures(32, 24))
    call = tf.function(model, input_signature=[tf.TensorSpec((None, None, None, 3))])
    assert call(pictures(32, 16)).shape == (2, 32, 16, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="multiples of 16"):
        call(pictures(32, 24))


@both
def test_for_labels_the_result_is_logits(build):
    picture, logits = (randomized(build(filters=1, labels=labels)) for labels in (False, True))
    images = pictures(16, 16)
    np.testing.assert_allclose(np.tanh(logits(images)), picture(images), atol=1e-5)


@pytest.mark.parametrize(("norm", "biases"), [("batch", False), ("instance", True), ("none", True)])
@both
def test_convolutions_have_a_bias_where_no_batch_norm_has_one(build, norm, biases):
    names = {
        name.split("/")[0] for name in network_state(build(filters=1, norm=norm)) if "bias" in name
    }
    assert ({"down_4_conv", "down_4_1_conv"} & names != set()) == biases
    assert {"up_1_conv", "head_conv"} & names


@both
def test_a_model_round_trips_through_json(build):
    model = randomized(build(filters=2))
    copy = keras.models.model_from_json(model.to_json())
    copy.set_weights(model.get_weights())
    images = pictures(16, 32)
    np.testing.assert_array_equal(copy(images), model(images))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@both
def test_half_precision_gives_float32_pictures_and_gradients_everywhere(build, policy):
    keras.mixed_precision.set_global_policy(policy)
    try:
        model = build(filters=2, init_gain=0.2)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    with tf.GradientTape() as tape:
        outputs = model(pictures(16, 16), training=True)
        loss = tf.reduce_mean(tf.abs(outputs))
    assert outputs.dtype == tf.float32
    for gradient in tape.gradient(loss, model.trainable_variables):
        assert np.isfinite(gradient).all()


# One picture with one channel: its maxima are 9 (1, 0), 7 (0, 1), the first 5 (0, 0) and -1 (1, 1).
SQUARES = np.float32([[1, 2, 3, 7], [9, 4, 0, 0], [5, 5, -4, -3], [5, 5, -2, -1]])[None, ..., None]


def test_pooling_gives_the_maxima_and_where_they_were():
    values, indices = MaxPoolingWithIndices2D()(SQUARES)
    np.testing.assert_array_equal(values[0, ..., 0], [[9, 7], [5, -1]])
    np.testing.assert_array_equal(indices[0, ..., 0], [[2, 1], [0, 3]])
    assert indices.dtype == tf.int32


def test_unpooling_puts_values_where_the_maxima_were():
    _, indices = MaxPoolingWithIndices2D()(SQUARES)
    values = np.float32([[1, 2], [3, 4]])[None, ..., None]
    expected = [[0, 0, 0, 2], [1, 0, 0, 0], [3, 0, 0, 0], [0, 0, 0, 4]]
    np.testing.assert_array_equal(MaxUnpooling2D()([values, indices])[0, ..., 0], expected)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_pooling_and_unpooling_keep_the_maxima_of_any_batch(dtype):
    signature = [tf.TensorSpec((None, None, None, 3), dtype)]
    pool, unpool = MaxPoolingWithIndices2D(dtype=dtype), MaxUnpooling2D(dtype=dtype)

    @tf.function(input_signature=signature)
    def there_and_back(x):
        values, indices = pool(x)
        return values, unpool([values, indices])

    for size in ((6, 4), (2, 8)):
        x = tf.cast(pictures(*size), dtype)
        values, back = there_and_back(x)
        assert values.dtype == back.dtype == dtype
        maxima = tf.nn.max_pool2d(tf.cast(x, "float32"), 2, 2, "VALID")
        np.testing.assert_array_equal(tf.cast(values, "float32"), maxima)
        is_largest = tf.cast(x, "float32") == tf.repeat(tf.repeat(maxima, 2, 1), 2, 2)
        np.testing.assert_array_equal(back, tf.where(is_largest, x, tf.zeros_like(x)))


def test_the_gradient_goes_to_the_first_of_equal_maxima():
    x = tf.constant(SQUARES)
    with tf.GradientTape() as tape:
        tape.watch(x)
        values, _ = MaxPoolingWithIndices2D()(x)
        loss = tf.reduce_sum(values * [[[[1.0], [2.0]], [[3.0], [4.0]]]])
    expected = [[0, 0, 0, 2], [1, 0, 0, 0], [3, 0, 0, 0], [0, 0, 0, 4]]
    np.testing.assert_array_equal(tape.gradient(loss, x)[0, ..., 0], expected)


def test_pooling_hides_no_nan():
    x = SQUARES.copy()
    x[0, 0, 0, 0] = np.nan
    values, _ = MaxPoolingWithIndices2D()(x)
    np.testing.assert_array_equal(np.isnan(values[0, ..., 0]), [[True, False], [False, False]])


@pytest.mark.parametrize("size", [(4, 3), (5, 4)])
def test_odd_sides_are_not_pooled(size):
    with pytest.raises(tf.errors.InvalidArgumentError):
        MaxPoolingWithIndices2D()(pictures(*size))
