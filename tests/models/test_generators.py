"""The generators, against a NumPy reference of the published network and its known sizes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.compat import network_state
from cyclegan_tf.models.generators import generator, resnet_generator, unet_generator


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
    """Stride 2, padding 1, doubling: input pixel i paints output pixels 2i - 1 + k."""
    height, width, _ = x.shape
    size = len(kernel)
    canvas = np.zeros((2 * height + 2, 2 * width + 2, kernel.shape[2]))
    for i in range(height):
        for j in range(width):
            canvas[2 * i : 2 * i + size, 2 * j : 2 * j + size] += np.einsum(
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


def taken(model):
    """A function that gives kernel and bias of a layer, and what it has not given yet."""
    state = {name: np.float64(variable.numpy()) for name, variable in network_state(model).items()}
    return lambda name: (state.pop(f"{name}_conv/kernel"), state.pop(f"{name}_conv/bias")), state


def reference(model, blocks, image, upsampling):
    weights, left = taken(model)
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
    assert not left  # Every weight of the model was used.
    return x


def unet_reference(model, levels, image):
    weights, left = taken(model)

    def level(x, number):
        # PyTorch's rectifier works in place: what is handed over has passed it.
        x = x if number == 1 else np.where(x > 0, x, 0.2 * x)
        y = convolve(zeros(x, 1), *weights(f"down_{number}"), stride=2)
        y = normalize(y) if 1 < number < levels else y
        y = level(y, number + 1) if number < levels else y
        y = convolve_transposed(relu(y), *weights(f"up_{number}"))
        return np.tanh(y) if number == 1 else np.concatenate([x, normalize(y)], -1)

    result = level(image, 1)
    assert not left
    return result


@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
@pytest.mark.parametrize(("blocks", "channels"), [(1, (3, 3)), (2, (1, 4))])
def test_the_network_is_the_published_one(blocks, channels, upsampling):
    model = randomized(resnet_generator(blocks, *channels, filters=2, upsampling=upsampling))
    images = pictures(16, 12, channels[0], batch=2)
    expected = [reference(model, blocks, image, upsampling) for image in np.float64(images)]
    np.testing.assert_allclose(model(images), expected, atol=1e-4)


def test_the_unet_is_the_published_one():
    model = randomized(unet_generator(32, 1, 2, filters=2))
    images = pictures(32, 64, channels=1, batch=2)
    expected = [unet_reference(model, 5, image) for image in np.float64(images)]
    np.testing.assert_allclose(model(images), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("architecture", "norm", "parameters"),
    [
        ("resnet_9", "instance", 11_378_179),
        ("resnet_6", "instance", 7_837_699),
        ("resnet_9", "batch", 11_383_427),
        ("unet_256", "instance", 54_409_603),
        ("unet_256", "batch", 54_413_955),
        ("unet_128", "instance", 41_825_667),
        ("unet_128", "batch", 41_828_995),
    ],
)
def test_parameter_counts_are_the_published_ones(architecture, norm, parameters, monkeypatch):
    # To draw them takes longer than to count them.
    monkeypatch.setattr("cyclegan_tf.models.blocks.initial_kernel", lambda *_: "zeros")
    model = generator(architecture, norm=norm)
    assert sum(np.prod(weight.shape) for weight in model.trainable_weights) == parameters
    # Running averages and nothing else.
    kinds = {name.split("/")[1] for name in network_state(model)} - {"kernel", "bias"}
    averages = {"gamma", "beta", "moving_mean", "moving_variance"}
    assert kinds == (averages if norm == "batch" else set())


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


def test_a_unet_takes_multiples_of_its_size():
    model = unet_generator(32, filters=1)
    assert tuple(model(pictures(64, 32)).shape) == (1, 64, 32, 3)
    for size in ((32, 48), (16, 32)):
        with pytest.raises(ValueError, match="multiples of 32"):
            model(pictures(*size))


@pytest.mark.parametrize("size", [16, 100, 0])
def test_a_unet_is_for_powers_of_2(size):
    with pytest.raises(ValueError, match=f"power of 2, at least 32. Received: {size}"):
        unet_generator(size)


def test_a_unets_channels_and_widths_are_as_asked():
    state = network_state(unet_generator(64, in_channels=5, out_channels=2, filters=1))
    shapes = {name: tuple(variable.shape) for name, variable in state.items()}
    widths = [shapes[f"down_{level}_conv/kernel"][2:] for level in range(1, 7)]
    assert widths == [(5, 1), (1, 2), (2, 4), (4, 8), (8, 8), (8, 8)]
    # Out and in; all but the innermost take what their level's way down hands over, too.
    widths = [shapes[f"up_{level}_conv/kernel"][2:] for level in range(1, 7)]
    assert widths == [(2, 2), (1, 4), (2, 8), (4, 16), (8, 16), (8, 8)]


def follows(model, name):
    """The layer that a layer takes its input from."""
    return model.get_layer(name).input._keras_history[0].name


def test_dropout_is_between_the_convolutions_of_residual_blocks():
    model = resnet_generator(2, filters=1, dropout=True)
    assert {layer.name for layer in model.layers if "dropout" in layer.name} == {
        "block_1_dropout",
        "block_2_dropout",
    }
    for block in (1, 2):
        assert follows(model, f"block_{block}_dropout") == f"block_{block}_1_relu"
        assert follows(model, f"block_{block}_2_pad") == f"block_{block}_dropout"


@pytest.mark.parametrize(("size", "levels"), [(256, [5, 6, 7]), (128, [5, 6]), (32, [])])
def test_dropout_is_in_the_middle_of_a_unet_after_the_norm(size, levels):
    model = unet_generator(size, filters=1, dropout=True)
    found = {layer.name for layer in model.layers if "dropout" in layer.name}
    assert found == {f"up_{level}_dropout" for level in levels}
    for level in levels:
        assert follows(model, f"up_{level}_dropout") == f"up_{level}_norm"
    assert not [x for x in unet_generator(size, filters=1).layers if "dropout" in x.name]


def test_dropout_is_one_half_and_stays_on_unless_asked_off():
    for eval_mode in (False, True):
        model = resnet_generator(1, filters=1, dropout=True, eval_mode=eval_mode)
        layer = model.get_layer("block_1_dropout")
        assert (layer.rate, layer.always) == (0.5, not eval_mode)


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


@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("resnet_1", {"dropout": True, "norm": "batch"}),
        ("gated_resnet_1", {}),
        ("unet_32", {"init_weights": "orthogonal"}),
    ],
    ids=str,
)
def test_a_model_round_trips_through_json(architecture, options):
    model = generator(architecture, filters=2, **options)
    copy = keras.models.model_from_json(model.to_json())
    copy.set_weights(model.get_weights())
    images = pictures(32, 32)
    np.testing.assert_array_equal(copy(images), model(images))
    np.testing.assert_array_equal(copy(images, training=True), model(images, training=True))


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
    with pytest.raises(ValueError, match=f"`generator={name}`: expected one of resnet_N"):
        generator(name)


def test_a_gated_generator_needs_equal_channels():
    with pytest.raises(ValueError, match="in_channels=3, out_channels=1"):
        generator("gated_resnet_1", out_channels=1)
