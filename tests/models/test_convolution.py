"""The convolutions: TensorFlow's results by other ways, and PyTorch's paddings."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from arrays import operations

from cyclegan_tf.models import convolution, hardware
from cyclegan_tf.models.convolution import Conv2D, DoublingConv2D, convolve, kernel_gradient

# Channels in and out: both those of which products pay, or one too few; or few of many.
CHANNELS = pytest.mark.parametrize("channels", [(64, 65), (3, 64), (16, 3)], ids=str)


@pytest.fixture(autouse=True)
def products_at_any_width(monkeypatch):
    """What pays is a matter of speed; what is right shows on small pictures, too."""
    monkeypatch.setattr(convolution, "_WIDTH", 1)


@pytest.fixture(autouse=True, params=[True, False], ids=["AVX-512", "other"])
def processor(request, monkeypatch):
    monkeypatch.setattr(hardware, "has_avx512_only", lambda: request.param)
    return request.param


def plain(images, kernel, stride=1, zeros=0):
    padded = tf.pad(images, [[0, 0], [zeros, zeros], [zeros, zeros], [0, 0]])
    return tf.nn.conv2d(padded, kernel, stride, "VALID")


def random(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape))


def results(convolution, images, kernel):
    """The result, both its gradients, and both gradients of a penalty on these."""
    with tf.GradientTape() as outer:
        outer.watch([images, kernel])
        with tf.GradientTape() as inner:
            inner.watch([images, kernel])
            outputs = convolution(images, kernel)
            # The second derivative is not zero, and no two elements are alike.
            loss = tf.reduce_mean(outputs**2 * random(*outputs.shape, seed=1))
        gradients = inner.gradient(loss, [images, kernel])
        penalty = tf.add_n([tf.reduce_sum(gradient**2) for gradient in gradients])
    return [outputs, *gradients, *outer.gradient(penalty, [images, kernel])]


@pytest.mark.parametrize(("stride", "zeros"), [(1, 0), (1, 1), (2, 1)])
@pytest.mark.parametrize("size", [1, 3, 4, 7])
@CHANNELS
@pytest.mark.parametrize(("batch", "height", "width"), [(1, 10, 8), (1, 9, 8), (2, 7, 10)], ids=str)
def test_results_and_gradients_are_tensorflows(batch, height, width, channels, size, stride, zeros):
    images = random(batch, height, width, channels[0])
    kernel = random(size, size, *channels, seed=2)
    found = results(lambda x, k: convolve(x, k, stride, zeros), images, kernel)
    expected = results(lambda x, k: plain(x, k, stride, zeros), images, kernel)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-11 * np.abs(theirs).max())
        assert np.abs(theirs).max() > 0


@pytest.mark.parametrize("batch", [1, 2])
@CHANNELS
def test_sizes_known_only_at_run_time_change_nothing(batch, channels):
    signature = [
        tf.TensorSpec((None, None, None, channels[0]), tf.float64),
        tf.TensorSpec((3, 3, *channels), tf.float64),
    ]

    @tf.function(input_signature=signature)
    def gradients(images, kernel):
        with tf.GradientTape() as tape:
            tape.watch([images, kernel])
            loss = tf.reduce_sum(convolve(images, kernel, zeros=1) ** 2)
        return tape.gradient(loss, [images, kernel])

    images, kernel = random(batch, 6, 5, channels[0]), random(3, 3, *channels, seed=2)
    with tf.GradientTape() as tape:
        tape.watch([images, kernel])
        loss = tf.reduce_sum(plain(images, kernel, zeros=1) ** 2)
    expected = tape.gradient(loss, [images, kernel])
    for mine, theirs in zip(gradients(images, kernel), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-11 * np.abs(theirs).max())


@pytest.mark.parametrize("width", [31, 32])
def test_products_take_over_where_rows_are_long_and_vectors_short(width, processor, monkeypatch):
    monkeypatch.setattr(convolution, "_WIDTH", 32)

    def gradient(images, kernel):
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            outputs = convolve(images, kernel)
        return tape.gradient(outputs, kernel)

    found = operations(gradient, random(2, 4, width, 64), random(3, 3, 64, 64))
    assert found.count("MatMul") == (9 if width == 32 and not processor else 0)


@pytest.mark.parametrize(
    ("size", "channels", "convolutions"), [(7, (16, 8), 2), (7, (15, 8), 1), (7, (16, 9), 1)]
)
def test_rows_fill_the_vectors_of_thin_results(size, channels, convolutions):
    found = operations(convolve, random(1, 8, 8, channels[0]), random(size, size, *channels))
    assert found.count("Conv2D") == convolutions


def test_the_gradient_of_a_kernel_that_is_not_square():
    images, upstream = random(2, 6, 7, 3), random(2, 5, 4, 2, seed=1)
    windows = np.lib.stride_tricks.sliding_window_view(images, (2, 4), axis=(1, 2))
    expected = np.einsum("byxcij,byxo->ijco", windows, upstream)
    np.testing.assert_allclose(kernel_gradient(images, upstream, (2, 4)), expected)


def painted(layer, height, width, row, column):
    """What one pixel of 1 becomes, the kernel being numbered from 1."""
    image = np.zeros((1, height, width, 1), np.float32)
    image[0, row, column] = 1.0
    layer(image)  # Builds it, unless it is.
    kernel = np.arange(1.0, 1.0 + np.prod(layer.kernel.shape)).reshape(layer.kernel.shape)
    layer.set_weights([kernel])
    return np.asarray(layer(image))[0, :, :, 0], kernel[:, :, 0, 0]


# PyTorch: output pixel y sees the input pixels stride * y - padding + u, u in the kernel.


def test_a_kernel_of_3_and_stride_2_starts_a_pixel_before_the_picture():
    layer = Conv2D(1, 3, 2, zeros=1, use_bias=False)
    found, kernel = painted(layer, 4, 4, 2, 2)
    np.testing.assert_array_equal(found, [[0, 0], [0, kernel[1, 1]]])
    found, kernel = painted(layer, 4, 4, 1, 1)
    np.testing.assert_array_equal(found, kernel[2::-2, 2::-2])


def test_a_kernel_of_4_and_stride_2_reaches_a_pixel_beyond_on_both_sides():
    layer = Conv2D(1, 4, 2, zeros=1, use_bias=False)
    found, kernel = painted(layer, 4, 4, 0, 3)
    np.testing.assert_array_equal(found, [[0, kernel[1, 2]], [0, 0]])
    found, kernel = painted(layer, 4, 4, 2, 2)
    np.testing.assert_array_equal(found, kernel[3::-2, 3::-2])


def test_a_kernel_of_4_and_stride_1_takes_a_pixel_away():
    found, kernel = painted(Conv2D(1, 4, zeros=1, use_bias=False), 4, 4, 1, 1)
    np.testing.assert_array_equal(found, kernel[2::-1, 2::-1])


# Transposed: input pixel y paints the output pixels 2 * y - 1 + u.


@pytest.mark.parametrize("size", [3, 4])
def test_a_pixel_paints_the_kernel_a_pixel_before_its_double_place(size):
    layer = DoublingConv2D(1, size, use_bias=False)
    found, kernel = painted(layer, 3, 4, 1, 1)
    expected = np.zeros((6, 8))
    expected[1 : 1 + size, 1 : 1 + size] = kernel
    np.testing.assert_array_equal(found, expected)
    # What would lie outside is lost.
    found, kernel = painted(layer, 3, 4, 0, 3)
    expected = np.zeros((6, 8))
    expected[: size - 1, 5:] = kernel[1:, :3]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("size", [3, 4])
def test_doubling_is_the_gradient_of_halving(size):
    """As the transposed convolution is defined; so its own gradients are a convolution's."""
    kernel, small, large = random(size, size, 3, 2), random(2, 3, 4, 2), random(2, 6, 8, 3)
    layer = DoublingConv2D(3, size, use_bias=False, dtype="float64")
    layer.build(small.shape)
    layer.set_weights([kernel])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([small, large])
        doubled = tf.reduce_sum(layer(small) * large)
        halved = tf.reduce_sum(plain(large, kernel, 2, 1) * small)
    assert float(doubled) == pytest.approx(float(halved), rel=1e-12)
    for image in (small, large):
        expected = tape.gradient(halved, image)
        np.testing.assert_allclose(tape.gradient(doubled, image), expected, atol=1e-12)


LAYERS = [
    Conv2D(4, 3, 2, zeros=1, name="halving"),
    Conv2D(4, 7, use_bias=False),
    DoublingConv2D(4, 3),
    DoublingConv2D(4, 4, use_bias=False),
]


def described(layer):
    return f"{type(layer).__name__} {layer.kernel_size[0]}"


def copied(layer, **changes):
    return type(layer).from_config(layer.get_config() | changes)


@pytest.mark.parametrize("layer", LAYERS, ids=described)
def test_configurations_round_trip(layer):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is type(layer)
    assert copy.get_config() == layer.get_config()
    assert getattr(copy, "zeros", None) == getattr(layer, "zeros", None)


@pytest.mark.parametrize("layer", LAYERS, ids=described)
def test_shapes_are_known_in_advance_as_far_as_the_inputs_are(layer):
    layer = copied(layer)
    images = np.zeros((2, 9, 12, 3), np.float32)
    outputs = tuple(layer(images).shape)
    assert tuple(layer.compute_output_shape(images.shape)) == outputs
    assert tuple(layer(keras.Input((None, 12, 3))).shape) == (None, None, *outputs[2:])


@pytest.mark.parametrize("layer", LAYERS, ids=described)
def test_a_bias_is_added(layer):
    layer = copied(layer, bias_initializer="ones", kernel_initializer="zeros")
    outputs = layer(np.zeros((1, 8, 8, 3), np.float32))
    np.testing.assert_array_equal(outputs, np.full(outputs.shape, float(layer.use_bias)))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("layer", LAYERS, ids=described)
def test_mixed_precision_computes_in_half_and_keeps_whole_weights(layer, policy):
    images = random(1, 8, 8, 3)
    exact, half = copied(layer, dtype="float64"), copied(layer, dtype=policy)
    expected = exact(images)
    half.build(images.shape)
    half.set_weights(exact.get_weights())
    with tf.GradientTape() as tape:
        found = half(tf.cast(images, tf.float32))
    assert found.dtype == policy.removeprefix("mixed_")
    scale = np.abs(expected).max()
    np.testing.assert_allclose(tf.cast(found, tf.float64), expected, atol=0.03 * scale)
    gradients = tape.gradient(found, half.trainable_weights)
    assert {gradient.dtype for gradient in gradients} == {tf.float32}


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_products_work_in_half_precision(policy):
    layer = Conv2D(64, 3, dtype=policy)
    with tf.GradientTape() as tape:
        outputs = layer(tf.ones((1, 4, 4, 64)))
    # Each of the 2x2 places of the result sees ones only.
    kernel_slope, bias_slope = tape.gradient(outputs, layer.trainable_weights)
    assert kernel_slope.dtype == tf.float32
    assert (kernel_slope.numpy() == 4.0).all()
    assert (bias_slope.numpy() == 4.0).all()


def test_other_paddings_are_refused():
    with pytest.raises(
        ValueError, match="use `zeros` instead of `padding`. Received: padding=same"
    ):
        Conv2D(1, 3, padding="same")


def test_a_doubling_convolution_refuses_kernels_that_it_would_shift():
    with pytest.raises(ValueError, match="3 or 4. Received: 5"):
        DoublingConv2D(1, 5)
