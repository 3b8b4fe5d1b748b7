"""The generators, against a NumPy reference of the published network and its known sizes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.compat import network_state
from cyclegan_tf.models.generators import generator, resnet_generator


@pytest.fixture
def small():
    return randomized(resnet_generator(1, filters=2))


def randomized(model, seed=0):
    """Gives every weight, the biases too, values that matter."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.3, w.shape).astype(np.float32) for w in model.weights])
    return model


def pictures(height, width, channels=3, batch=1):
    shape = (batch, height, width, channels)
    return np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)


# The published network in NumPy, of one picture (height, width, channels), in float64. The
# convolutions are PyTorch's, written from their definitions.


def convolve(x, kernel, bias, stride=1):
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(0, 1))
    return np.einsum("yxcij,ijco->yxo", windows[::stride, ::stride], kernel) + bias


def convolve_transposed(x, kernel, bias):
    """Stride 2, padding 1, output padding 1: input pixel i paints output pixels 2i - 1 + k."""
    height, width, _ = x.shape
    canvas = np.zeros((2 * height + 2, 2 * width + 2, kernel.shape[2]))
    for i in range(height):
        for j in range(width):
            canvas[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += np.einsum(
                "c,uvoc->uvo", x[i, j], kernel
            )
    return canvas[1 : 1 + 2 * height, 1 : 1 + 2 * width] + bias


def reflect(x, padding):
    return np.pad(x, ((padding, padding), (padding, padding), (0, 0)), mode="reflect")


def zeros(x, padding):
    return np.pad(x, ((padding, padding), (padding, padding), (0, 0)))


def normalize(x):
    mean, variance = x.mean(axis=(0, 1)), x.var(axis=(0, 1))
    return (x - mean) / np.sqrt(variance + 1e-5)


def relu(x):
    return np.maximum(x, 0.0)


def reference(model, blocks, image, upsampling):
    state = {name: np.float64(variable.numpy()) for name, variable in network_state(model).items()}

    def weights(name):
        return state.pop(f"{name}_conv/kernel"), state.pop(f"{name}_conv/bias")

    x = relu(normalize(convolve(reflect(image, 3), *weights("stem"))))
    for name in ("down_1", "down_2"):
        x = relu(normalize(convolve(zeros(x, 1), *weights(name), stride=2)))
    for block in range(1, blocks + 1):
        y = relu(normalize(convolve(reflect(x, 1), *weights(f"block_{block}_1"))))
        x = x + normalize(convolve(reflect(y, 1), *weights(f"block_{block}_2")))
    for name in ("up_1", "up_2"):
        if upsampling == "transposed":
            x = convolve_transposed(x, *weights(name))
        else:
            x = convolve(reflect(x.repeat(2, axis=0).repeat(2, axis=1), 1), *weights(name))
        x = relu(normalize(x))
    x = np.tanh(convolve(reflect(x, 3), *weights("head")))
    assert not state  # Every weight of the model was used.
    return x


@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
@pytest.mark.parametrize(("blocks", "channels"), [(1, (3, 3)), (2, (1, 4))])
def test_the_network_is_the_published_one(blocks, channels, upsampling):
    model = randomized(resnet_generator(blocks, *channels, filters=2, upsampling=upsampling))
    images = pictures(16, 12, channels[0], batch=2)
    expected = [reference(model, blocks, image, upsampling) for image in np.float64(images)]
    np.testing.assert_allclose(model(images), expected, atol=1e-4)


@pytest.mark.parametrize(("blocks", "parameters"), [(9, 11_378_179), (6, 7_837_699)])
def test_parameter_counts_are_the_published_ones(blocks, parameters):
    model = generator(f"resnet_{blocks}")
    assert model.count_params() == parameters
    assert not model.non_trainable_variables


@pytest.mark.parametrize("size", [(8, 8), (12, 20), (32, 16)])
@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
def test_the_output_has_the_inputs_size(size, upsampling):
    output = resnet_generator(1, filters=1, upsampling=upsampling)(pictures(*size))
    assert tuple(output.shape) == (1, *size, 3)
    assert np.abs(output).max() <= 1.0


def test_other_sizes_are_refused(small):
    for size in ((8, 10), (13, 8)):
        with pytest.raises(ValueError, match="multiples of 4"):
            small(pictures(*size))
    call = tf.function(small, input_signature=[tf.TensorSpec((None, None, None, 3))])
    assert call(pictures(12, 8)).shape == (1, 12, 8, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="multiples of 4"):
        call(pictures(8, 10))


def test_channels_and_filters_are_as_asked():
    model = resnet_generator(1, in_channels=5, out_channels=2, filters=3)
    kernels = {
        name.split("/")[0]: tuple(variable.shape)
        for name, variable in network_state(model).items()
        if name.endswith("kernel")
    }
    assert kernels == {
        "stem_conv": (7, 7, 5, 3),
        "down_1_conv": (3, 3, 3, 6),
        "down_2_conv": (3, 3, 6, 12),
        "block_1_1_conv": (3, 3, 12, 12),
        "block_1_2_conv": (3, 3, 12, 12),
        "up_1_conv": (3, 3, 6, 12),
        "up_2_conv": (3, 3, 3, 6),
        "head_conv": (7, 7, 3, 2),
    }


@pytest.mark.parametrize("architecture", ["resnet_1", "gated_resnet_1"])
def test_a_model_round_trips_through_json(architecture):
    model = randomized(generator(architecture, filters=2))
    copy = keras.models.model_from_json(model.to_json())
    copy.set_weights(model.get_weights())
    images = pictures(8, 12)
    np.testing.assert_array_equal(copy(images), model(images))


@pytest.mark.parametrize("init_gain", [0.02, 0.1])
def test_kernels_start_normal_and_biases_at_zero(init_gain):
    model = resnet_generator(2, filters=16, init_gain=init_gain)
    for name, variable in network_state(model).items():
        values = variable.numpy()
        if name.endswith("bias"):
            assert not values.any()
        else:
            # Ten standard errors of a normal sample's deviation and mean.
            error = 10.0 * init_gain / np.sqrt(2 * values.size)
            assert values.std() == pytest.approx(init_gain, abs=error)
            assert values.mean() == pytest.approx(0.0, abs=2 * error)


def test_initial_weights_follow_the_seed_and_differ_between_layers():
    def weights(seed):
        keras.utils.set_random_seed(seed)
        return network_state(resnet_generator(1, filters=2))

    first, again, other = weights(0), weights(0), weights(1)
    np.testing.assert_array_equal(first["stem_conv/kernel"], again["stem_conv/kernel"])
    assert (first["stem_conv/kernel"].numpy() != other["stem_conv/kernel"].numpy()).any()
    block = [first[f"block_1_{half}_conv/kernel"].numpy() for half in (1, 2)]
    assert (block[0] != block[1]).any()


def test_a_gated_generator_with_a_closed_mask_gives_its_input_back():
    model = randomized(generator("gated_resnet_1", filters=2))
    images = pictures(8, 12)
    assert np.abs(model(images) - images).max() > 0.1
    head = network_state(model)["head_conv/bias"]
    head.assign([0.0, 0.0, 0.0, -1000.0])
    np.testing.assert_array_equal(model(images), images)


@pytest.mark.parametrize("size", [(8, 8), (12, 20)])
@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
def test_a_gated_generator_keeps_size_and_range(size, upsampling):
    model = randomized(generator("gated_resnet_1", filters=1, upsampling=upsampling))
    output = model(pictures(*size))
    assert tuple(output.shape) == (1, *size, 3)
    assert np.abs(output).max() <= 1.0
    with pytest.raises(ValueError, match="multiples of 4"):
        model(pictures(8, 10))


def test_a_gated_generator_sees_49_pixels():
    def without_norm(layer):
        # A norm's mean reaches over the whole picture; the field is what the rest sees.
        if layer.name.endswith("_norm"):
            return keras.layers.Activation("linear", name=layer.name)
        return type(layer).from_config(layer.get_config())

    model = keras.models.clone_model(
        generator("gated_resnet_2", filters=1, in_channels=1, out_channels=1),
        clone_function=without_norm,
    )
    # Small positive kernels, so that no path cancels another and nothing saturates.
    model.set_weights([np.full(w.shape, 0.02, np.float32) for w in model.weights])
    image = tf.fill((1, 128, 128, 1), 0.01)
    fields = []
    for place in range(64, 68):  # Places differ: the middle works on squares of 4 pixels.
        with tf.GradientTape() as tape:
            tape.watch(image)
            pixel = model(image)[0, place, place, 0]
        seen = np.flatnonzero(tape.gradient(pixel, image)[0, :, :, 0].numpy().any(axis=1))
        fields.append(np.ptp(seen) + 1)
    assert max(fields) == 49


def test_a_name_stands_for_its_architecture_and_its_number_of_blocks():
    for kind, last in (("resnet", "Activation"), ("gated_resnet", "Blend")):
        for blocks in (1, 3):
            model = generator(f"{kind}_{blocks}", filters=1)
            additions = [layer for layer in model.layers if layer.name.endswith("_add")]
            assert len(additions) == blocks
            assert type(model.layers[-1]).__name__ == last


@pytest.mark.parametrize("name", ["resnet", "resnet_", "resnet_x", "unet", "gated_6", ""])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(ValueError, match=f"segnet. Received: {name}$"):
        generator(name)


def test_a_gated_generator_needs_equal_channels():
    with pytest.raises(ValueError, match="in_channels=3, out_channels=1"):
        generator("gated_resnet_1", out_channels=1)
