"""The PatchGAN, against a NumPy reference, its known sizes and its field of view."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.compat import network_state
from cyclegan_tf.models.discriminators import (
    discriminator,
    patch_discriminator,
    pixel_discriminator,
)


def reference(model, layers, image):
    """The published network in NumPy, of one picture (height, width, channels), in float64."""
    state = {name: np.float64(variable.numpy()) for name, variable in network_state(model).items()}

    def convolve(x, name, stride):
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (4, 4), axis=(0, 1))
        kernel, bias = state.pop(f"{name}_conv/kernel"), state.pop(f"{name}_conv/bias")
        return np.einsum("yxcij,ijco->yxo", windows[::stride, ::stride], kernel) + bias

    x = image
    for layer in range(1, layers + 2):
        x = convolve(x, f"layer_{layer}", 2 if layer <= layers else 1)
        if layer > 1:
            x = (x - x.mean(axis=(0, 1))) / np.sqrt(x.var(axis=(0, 1)) + 1e-5)
        x = np.where(x > 0, x, 0.2 * x)
    x = convolve(x, "scores", 1)
    assert not state  # Every weight of the model was used.
    return x


@pytest.mark.parametrize("layers", [1, 3])
def test_the_network_is_the_published_one(layers):
    model = patch_discriminator(layers, channels=2, filters=2)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.3, w.shape).astype(np.float32) for w in model.weights])
    images = rng.uniform(-1, 1, (2, 32, 40, 2))
    expected = [reference(model, layers, image) for image in images]
    np.testing.assert_allclose(model(images.astype(np.float32)), expected, atol=1e-4)


def test_the_parameter_count_is_the_published_one():
    model = patch_discriminator()
    assert model.count_params() == 2_764_737
    assert not model.non_trainable_variables


@pytest.mark.parametrize(("layers", "side"), [(1, 126), (2, 62), (3, 30), (4, 14), (5, 6)])
def test_output_sizes_at_256_pixels(layers, side):
    model = patch_discriminator(layers, filters=1)
    assert tuple(model(np.zeros((1, 256, 256, 3), np.float32)).shape) == (1, side, side, 1)


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70), (4, 142), (5, 286)])
def test_a_score_depends_on_a_patch_of_the_known_size(layers, field):
    def without_norm(layer):
        # A norm's mean reaches over the whole picture; the patch is what the rest sees.
        if layer.name.endswith("_norm"):
            return keras.layers.Activation("linear", name=layer.name)
        return type(layer).from_config(layer.get_config())

    model = keras.models.clone_model(
        patch_discriminator(layers, channels=1, filters=1), clone_function=without_norm
    )
    # Positive kernels, so that no path cancels another.
    model.set_weights([np.full(w.shape, 0.1, np.float32) for w in model.weights])
    image = tf.zeros((1, 512, 640, 1))
    with tf.GradientTape() as tape:
        tape.watch(image)
        scores = model(image)
        score = scores[0, scores.shape[1] // 2, scores.shape[2] // 2, 0]
    seen = tape.gradient(score, image)[0, :, :, 0].numpy() != 0.0
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (field, field)
    assert seen.sum() == field**2


def test_the_width_doubles_up_to_eight_times():
    state = network_state(patch_discriminator(5, channels=1, filters=2))
    widths = [state[f"layer_{i}_conv/kernel"].shape[-1] for i in range(1, 7)]
    assert widths == [2, 4, 8, 16, 16, 16]
    assert state["scores_conv/kernel"].shape == (4, 4, 16, 1)


def test_kernels_start_normal_and_biases_at_zero():
    for name, variable in network_state(patch_discriminator(2, filters=32)).items():
        values = variable.numpy()
        if name.endswith("bias"):
            assert not values.any()
        else:
            error = 10.0 * 0.02 / np.sqrt(2 * values.size)
            assert values.std() == pytest.approx(0.02, abs=error)
            assert values.mean() == pytest.approx(0.0, abs=2 * error)


def test_a_model_round_trips_through_json():
    model = patch_discriminator(2, filters=2)
    copy = keras.models.model_from_json(model.to_json())
    copy.set_weights(model.get_weights())
    images = np.random.default_rng(0).uniform(-1, 1, (1, 20, 28, 3)).astype(np.float32)
    np.testing.assert_array_equal(copy(images), model(images))


@pytest.mark.parametrize("layers", [0, 6])
def test_other_depths_are_refused(layers):
    with pytest.raises(ValueError, match=f"1 to 5. Received: {layers}"):
        patch_discriminator(layers)


def test_a_pixel_discriminators_parameters():
    # 1x1 convolutions: 3 to 64, 64 to 128, 128 to 1; the first has a bias in any case.
    kernels = 3 * 64 + 64 * 128 + 128
    for norm, others in (("instance", 64 + 128 + 1), ("batch", 64 + 2 * 128), ("none", 64)):
        model = pixel_discriminator(norm=norm)
        found = sum(np.prod(weight.shape) for weight in model.trainable_weights)
        assert found == kernels + others


def test_a_pixel_discriminator_judges_each_pixel_by_itself():
    model = pixel_discriminator(2, filters=4, norm="none", init_gain=1.0)
    image = tf.random.stateless_normal((1, 5, 6, 2), [0, 0])
    with tf.GradientTape() as tape:
        tape.watch(image)
        scores = model(image)
        score = scores[0, 3, 1, 0]
    assert tuple(scores.shape) == (1, 5, 6, 1)
    seen = np.argwhere(np.any(tape.gradient(score, image)[0] != 0.0, axis=-1))
    assert seen.tolist() == [[3, 1]]


@pytest.mark.parametrize(("kind", "convolutions"), [("patch", 4), ("pixel", 3)])
def test_spectral_norm_bounds_every_kernel(kind, convolutions):
    model = discriminator(kind, 2, filters=2, spectral=True, norm="none")
    plain = discriminator(kind, 2, filters=2, norm="none")
    names = set(network_state(model)) - set(network_state(plain))
    assert len(names) == convolutions
    assert {name.split("/")[1] for name in names} == {"singular_vector"}
    # Kernels ten times as large make no difference, except to biases, which start at 0.
    images = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32)
    scores = model(images)
    model.set_weights([10.0 * w if w.ndim == 4 else w for w in model.get_weights()])
    largest = np.abs(scores).max()
    assert largest > 0
    np.testing.assert_allclose(model(images) / largest, scores / largest, atol=1e-5)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="patch or pixel. Received: voxel"):
        discriminator("voxel", 3)
