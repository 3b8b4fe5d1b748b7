"""What networks are made of: initial kernels, biases, norms, and how pictures are enlarged."""

import keras
import numpy as np
import pytest

from cyclegan_tf.compat import network_state
from cyclegan_tf.models.blocks import Blocks, initial_kernel
from cyclegan_tf.models.discriminators import patch_discriminator, pixel_discriminator
from cyclegan_tf.models.generators import resnet_generator, unet_generator
from cyclegan_tf.models.layers import SpectralConv2D
from cyclegan_tf.models.normalization import BatchNormalization


def network(add, method, in_channels, *arguments, **options):
    """A network of what one method of the blocks adds."""
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, in_channels))
    return keras.Model(image, getattr(add, method)(image, *arguments, **options))


def kernel(kind, in_channels, out_channels, **style):
    """The kernel that a convolution (3x3) or a transposed one (4x4) starts with."""
    method, size = {"plain": ("convolution", 3), "transposed": ("enlarged", 4)}[kind]
    model = network(Blocks(**style), method, in_channels, out_channels, size, "layer")
    return network_state(model)["layer_conv/kernel"].numpy()


# PyTorch takes the second dimension of a kernel for the channels in: those out of a transposed one.
FANS = [("plain", 8 * 9, 64 * 9), ("transposed", 64 * 16, 8 * 16)]


DEVIATIONS = {
    "normal": lambda gain, fan_in, fan_out: gain,
    "xavier": lambda gain, fan_in, fan_out: gain * np.sqrt(2.0 / (fan_in + fan_out)),
    "kaiming": lambda gain, fan_in, fan_out: gain * np.sqrt(2.0 / fan_in),
}


@pytest.mark.parametrize(("kind", "fan_in", "fan_out"), FANS)
@pytest.mark.parametrize(("name", "default"), [("normal", 0.02), ("xavier", 0.02), ("kaiming", 1)])
@pytest.mark.parametrize("gain", [None, 0.5])
def test_kernels_start_normal_with_the_published_deviation(
    kind, fan_in, fan_out, name, default, gain
):
    values = kernel(kind, 8, 64, init_weights=name, init_gain=gain)
    deviation = DEVIATIONS[name](gain or default, fan_in, fan_out)
    error = deviation / np.sqrt(2 * values.size)
    assert values.std() == pytest.approx(deviation, abs=5 * error)
    assert values.mean() == pytest.approx(0.0, abs=10 * error)
    # Not cut off: one in 370 is beyond three deviations.
    assert (np.abs(values) > 3 * deviation).mean() == pytest.approx(0.0027, abs=0.0027)
    assert np.abs(values).max() > 3 * deviation


@pytest.mark.parametrize("kind", ["plain", "transposed"])
@pytest.mark.parametrize(("gain", "expected"), [(None, 0.02), (3.0, 3.0)])
def test_kernels_start_orthogonal(kind, gain, expected):
    values = kernel(kind, 8, 16, init_weights="orthogonal", init_gain=gain)
    # As PyTorch, which flattens all but its first dimension: here the last.
    rows = values.reshape(-1, values.shape[-1])
    np.testing.assert_allclose(
        rows.T @ rows, expected**2 * np.eye(rows.shape[1]), atol=1e-5 * expected**2
    )


@pytest.mark.parametrize("kind", ["plain", "transposed"])
def test_biases_start_at_zero(kind):
    method, size = {"plain": ("convolution", 3), "transposed": ("enlarged", 4)}[kind]
    model = network(Blocks(), method, 2, 5, size, "layer")
    np.testing.assert_array_equal(network_state(model)["layer_conv/bias"].numpy(), np.zeros(5))


@pytest.mark.parametrize(
    ("option", "expected"),
    [("init_weights", "orthogonal"), ("norm", "instance or batch or none"), ("upsampling", "or")],
)
def test_unknown_names_are_refused(option, expected):
    with pytest.raises(ValueError, match=f"`{option}` should be .*{expected}.*Received: magic"):
        Blocks(**{option: "magic"})
    if option == "init_weights":
        with pytest.raises(ValueError, match="Received: magic"):
            initial_kernel("magic", None)


# The published biases where the norm is not instance norm, whose convolutions all have one.
BIASES = {
    "resnet": (resnet_generator, (1,), {"head"}),
    "unet": (unet_generator, (32,), {"up_1"}),
    "patch": (patch_discriminator, (2,), {"layer_1", "scores"}),
    "pixel": (pixel_discriminator, (), {"layer_1"}),
}


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
@pytest.mark.parametrize("name", BIASES)
def test_biases_are_where_the_published_networks_have_them(name, norm):
    build, arguments, expected = BIASES[name]
    model = build(*arguments, filters=1, norm=norm)
    convolutions = {
        layer.name.removesuffix("_conv"): layer.use_bias
        for layer in model.layers
        if layer.name.endswith("_conv")
    }
    biased = {name for name, biased in convolutions.items() if biased}
    assert biased == (set(convolutions) if norm == "instance" else expected)
    state = network_state(model)
    assert {key.split("_conv")[0] for key in state if key.endswith("bias")} == biased


def test_a_norm_is_the_one_asked_for():
    # The two differ by the mean of the other picture.
    images = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype(np.float32)
    images[1] += 7.0
    axes = {"instance": (1, 2), "batch": (0, 1, 2)}
    for norm in ("instance", "batch"):
        model = network(Blocks(norm=norm), "normalized", 3, "layer")
        if norm == "batch":
            model.get_layer("layer_norm").gamma.assign(np.ones(3))
        mean, variance = (f(images, axes[norm], keepdims=True) for f in (np.mean, np.var))
        expected = (images - mean) / np.sqrt(variance + 1e-5)
        np.testing.assert_allclose(model(images, training=True), expected, atol=1e-4)
    image = keras.Input((None, None, 3))
    assert Blocks(norm="none").normalized(image, "layer") is image


@pytest.mark.parametrize("eval_mode", [False, True])
def test_in_eval_mode_norms_take_averages_and_nothing_is_dropped(eval_mode):
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    add = Blocks(norm="batch", eval_mode=eval_mode)
    norm = network(add, "normalized", 3, "layer").get_layer("layer_norm")
    assert isinstance(norm, BatchNormalization)
    assert norm.own_statistics is not eval_mode
    dropped = network(add, "dropped", 3, "layer")
    kept = (dropped(images, training=False).numpy() != 0).mean()
    assert kept == 1.0 if eval_mode else 0.3 < kept < 0.7
    assert 0.3 < (dropped(images, training=True).numpy() != 0).mean() < 0.7


def test_resizing_leaves_no_checkerboard():
    """What is constant stays constant but for transposed convolution, whose places differ."""
    images = np.ones((1, 5, 6, 2), np.float32)
    deviations = {}
    for upsampling, style in (("resize", {"upsampling": "resize"}), ("transposed", {})):
        model = network(Blocks(init_gain=1.0, **style), "enlarged", 2, 3, 3, "layer")
        found = model(images).numpy()
        assert found.shape == (1, 10, 12, 3)
        deviations[upsampling] = found[:, 2:-2, 2:-2].std((1, 2)).min()
    assert deviations["resize"] < 1e-5
    assert deviations["transposed"] > 0.1


def test_resizing_repeats_pixels_before_it_convolves():
    model = network(Blocks(upsampling="resize"), "enlarged", 1, 1, 4, "layer")
    centre = np.zeros((3, 3, 1, 1))  # The kernel is of 3 whatever a transposed one would have.
    centre[1, 1] = 1.0
    model.set_weights([centre, np.zeros(1)])
    images = np.random.default_rng(0).normal(size=(1, 3, 2, 1)).astype(np.float32)
    np.testing.assert_array_equal(model(images), images.repeat(2, 1).repeat(2, 2))


def test_spectral_norm_is_for_all_convolutions():
    for spectral in (True, False):
        model = patch_discriminator(1, filters=2, spectral=spectral)
        convolutions = [layer for layer in model.layers if layer.name.endswith("_conv")]
        assert {isinstance(layer, SpectralConv2D) for layer in convolutions} == {spectral}
