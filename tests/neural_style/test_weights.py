"""Where weights come from, and what is said when they do not."""

import socket
from pathlib import Path

import keras
import numpy as np
import pytest

from cyclegan_tf.errors import UserError
from cyclegan_tf.neural_style import weights
from cyclegan_tf.neural_style.features import Backbone, kernel_shapes

PUBLISHED = Path(__file__).parents[3] / "shared/data/vgg16_notop_f16.npz"


@pytest.fixture(scope="module")
def drawn():
    return weights.random_weights("vgg16", seed=3)


def test_random_weights_are_a_function_of_the_seed(drawn):
    again, other = (weights.load_weights("vgg16", "random", seed) for seed in (3, 4))
    assert drawn.keys() == again.keys()
    assert all(np.array_equal(drawn[name], again[name]) for name in drawn)
    assert not np.array_equal(drawn["block3_conv1/kernel"], other["block3_conv1/kernel"])
    deviation = drawn["block3_conv1/kernel"].std()
    np.testing.assert_allclose(deviation, np.sqrt(2 / (9 * 128)), rtol=0.01)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_an_archive_is_read(drawn, dtype, tmp_path, caplog):
    file = tmp_path / "vgg.npz"
    np.savez(file, **{name: values.astype(dtype) for name, values in drawn.items()})
    found = weights.load_weights("vgg16", str(file))
    assert found.keys() == drawn.keys()
    for name, values in found.items():
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, drawn[name], atol=1e-3)
    assert "does not hold ImageNet's vgg16: its checksum is" in caplog.text
    # A rounded copy counts as the original.
    assert weights.fingerprint(found) == weights.fingerprint(drawn)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
@pytest.mark.parametrize("suffix", [".h5", ".weights.h5"])
def test_what_keras_saved_is_read(drawn, suffix, tmp_path):
    network = keras.applications.VGG16(include_top=False, weights=None)
    for layer in network.layers:
        if f"{layer.name}/kernel" in drawn:
            layer.set_weights([drawn[f"{layer.name}/{part}"] for part in ("kernel", "bias")])
    file = tmp_path / f"vgg{suffix}"
    network.save_weights(file) if suffix == ".weights.h5" else network.save(file)
    found = weights.load_weights("vgg16", str(file))
    assert found.keys() == drawn.keys()
    assert all(np.array_equal(found[name], drawn[name]) for name in drawn)


def test_the_published_weights_are_known(caplog):
    if not PUBLISHED.exists():
        pytest.skip(f"needs {PUBLISHED.name} in ../shared/data")
    found = weights.load_weights("vgg16", str(PUBLISHED))
    assert weights.fingerprint(found) == weights.FINGERPRINTS["vgg16"]
    assert caplog.text == "" or "does not hold" not in caplog.text
    with pytest.raises(UserError, match="not the weights of vgg19"):
        Backbone("vgg19", found)


def test_damage_is_named(drawn, tmp_path):
    file = tmp_path / "vgg.npz"
    small = {name: values[..., :1] for name, values in drawn.items()}
    np.savez(file, **small)
    whole = bytearray(file.read_bytes())
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="vgg.npz is damaged or not an .npz file of weights"):
        weights.load_weights("vgg16", str(file))
    whole[len(whole) // 2] ^= 1
    file.write_bytes(whole)
    with pytest.raises(UserError, match="vgg.npz is damaged or not an .npz file of weights: .*CRC"):
        weights.load_weights("vgg16", str(file))
    small["block1_conv1/bias"] = np.array([np.nan], np.float32)
    np.savez(file, **small)
    with pytest.raises(UserError, match="block1_conv1/bias holds values that are not finite"):
        weights.load_weights("vgg16", str(file))
    (tmp_path / "vgg.h5").write_text("no weights")
    with pytest.raises(UserError, match="vgg.h5 does not hold weights of Keras' vgg16"):
        weights.load_weights("vgg16", str(tmp_path / "vgg.h5"))
    with pytest.raises(
        UserError, match="nowhere.npz`: file not found; use `backbone_weights=FILE`"
    ):
        weights.load_weights("vgg16", "nowhere.npz")


def test_without_network_the_ways_out_are_said(monkeypatch, tmp_path):
    def unreachable(address, timeout):
        assert timeout <= 20
        raise OSError("Name or service not known")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(socket, "create_connection", unreachable)
    with pytest.raises(UserError) as caught:
        weights.load_weights("vgg19", "imagenet")
    for part in ("cannot download", "vgg19", "FILE", ".npz", "with network access", "=random"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_are_those_of_keras_layers():
    network = keras.applications.VGG19(include_top=False, weights=None)
    shapes = {layer.name: tuple(layer.kernel.shape) for layer in network.layers if layer.weights}
    assert shapes == kernel_shapes("vgg19")
