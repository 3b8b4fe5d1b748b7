"""TFLite and ONNX: the same numbers by runtimes of their own, for every kind of generator."""

import keras
import pytest

from cyclegan_tf.errors import UserError
from cyclegan_tf.models.autoencoders import label_maps, segnet
from cyclegan_tf.models.generators import generator
from cyclegan_tf.serving import portable
from cyclegan_tf.serving.portable import write_portable

GENERATORS = {
    "gated_resnet": lambda: generator("gated_resnet_1", filters=4, init_gain=0.5),
    "resize": lambda: generator("resnet_1", filters=3, in_channels=1, upsampling="resize"),
    "unet": lambda: generator("unet_32", filters=3, norm="batch"),
    "labels": lambda: label_maps(segnet(out_channels=4, filters=2, labels=True)),
}


def assert_close(name, figures):
    # Where two classes are as likely, rounding decides, and one label is as far as any other.
    if name != "labels":
        assert figures["difference in [-1, 1]"] < 1e-4


@pytest.mark.parametrize("name", GENERATORS)
def test_tflite_gives_the_same(name, tmp_path):
    found = write_portable("tflite", GENERATORS[name](), tmp_path / "a2b.tflite", (39, 50))
    assert found.passed
    assert_close(name, found.figures)


@pytest.mark.parametrize("name", GENERATORS)
def test_onnx_gives_the_same_at_any_size(name, tmp_path):
    pytest.importorskip("tf2onnx", reason="needs the extra onnx")
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    found = write_portable("onnx", GENERATORS[name](), tmp_path / "a2b.onnx", (32, 36))
    assert found.passed and len(found.figures["sizes"]) == 2
    assert_close(name, found.figures)


def test_a_converter_that_changes_the_result_is_noticed(tmp_path, monkeypatch):
    def other(network):
        return keras.models.clone_model(network)  # With weights of its own.

    monkeypatch.setattr(portable, "_without_explicit_padding", other)
    network = generator("resnet_1", filters=3, upsampling="resize", init_gain=0.5)
    assert not write_portable("tflite", network, tmp_path / "a2b.tflite", (16, 16)).passed


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(portable.importlib, "import_module", missing)
    with pytest.raises(UserError, match=r"needs tf2onnx: pip install 'cyclegan_tf\[onnx\]'"):
        write_portable("onnx", generator("resnet_1", filters=2), tmp_path / "x.onnx", (16, 16))
