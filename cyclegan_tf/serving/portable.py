"""Generators in portable formats: TFLite for phones, ONNX for other runtimes.

Inputs and outputs are float32 `(batch, height, width, channels)` in [-1, 1], not encoded files.
"""

import importlib
import logging
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cyclegan_tf.compat import network_state
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import to_uint8
from cyclegan_tf.models.convolution import DoublingConv2D
from cyclegan_tf.models.layers import size_multiple
from cyclegan_tf.serving.checks import Check, measure
from cyclegan_tf.serving.signatures import GENERATED, IMAGE

FORMATS = ("tflite", "onnx")
# The newest opset that the converter and the runtimes of recent years support.
_OPSET = 17


def write_portable(kind: str, generator: keras.Model, path: Path, size: tuple[int, int]) -> Check:
    """Convert a generator, and compare the result in the format's runtime with the original.

    TFLite accepts one image of the training size. ONNX accepts any batch size, and any image size
    that is a multiple of the network's.

    Args:
        kind: `tflite` or `onnx`.
        generator: Input and output are float32 `(batch, height, width, channels)` in [-1, 1].
        path: The file to write.
        size: Height and width in training, in pixels; rounded down to the multiple.

    Raises:
        UserError: If a package for the format is not installed.
    """
    multiple = size_multiple(generator)
    height, width = (max(side // multiple, 1) * multiple for side in size)
    shapes = [(1, height, width)]
    if kind == "onnx":
        shapes.append((2, height + multiple, width + 2 * multiple))
    convert, run = {"tflite": (_to_tflite, _run_tflite), "onnx": (_to_onnx, _run_onnx)}[kind]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(convert(generator, shapes[0]))
    unit, compare, most = measure(generator)
    random, levels, differences = np.random.default_rng(0), [], []
    for shape in shapes:
        channels = generator.input_shape[-1]
        images = random.uniform(-1, 1, (*shape, channels)).astype(np.float32)
        expected, found = generator(images, training=False).numpy(), run(path, images)
        levels.append(compare(to_uint8(found).numpy(), to_uint8(expected).numpy()))
        differences.append(float(np.abs(found - expected).max()))
    figures = {
        "bytes": path.stat().st_size,
        "sizes": [f"{width}x{height}" for _, height, width in shapes],
        unit: max(levels),
        "difference in [-1, 1]": max(differences),
    }
    return Check(f"{path.name} matches the generator", max(levels) <= most, figures)


def _to_tflite(generator: keras.Model, shape: tuple[int, ...]) -> bytes:
    network = _without_explicit_padding(generator)
    function = _function(network, (*shape, generator.input_shape[-1]))
    module = tf.Module()
    module.weights, module.function = network_state(network), function
    concrete = function.get_concrete_function()
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete], module).convert()


def _run_tflite(path: Path, images: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        # TFLite announces its move to a separate package.
        warnings.simplefilter("ignore", UserWarning)
        interpreter = tf.lite.Interpreter(str(path))
    (image,), (generated,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.allocate_tensors()
    interpreter.set_tensor(image["index"], images)
    interpreter.invoke()
    return interpreter.get_tensor(generated["index"])


def _to_onnx(generator: keras.Model, shape: tuple[int, ...]) -> bytes:
    tf2onnx = _package("tf2onnx")
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    function = _function(_without_explicit_padding(generator), generator.input_shape)
    signature = function.input_signature
    model, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=_OPSET)
    return model.SerializeToString()


def _run_onnx(path: Path, images: np.ndarray) -> np.ndarray:
    runtime = _package("onnxruntime")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run([GENERATED], {IMAGE: images})[0]


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(f"`format=onnx` needs {name}: pip install 'cyclegan_tf[onnx]'") from error


def _function(network: keras.Model, shape: tuple[int | None, ...]) -> Any:
    spec = tf.TensorSpec(shape, tf.float32, IMAGE)

    @tf.function(input_signature=[spec], autograph=False)
    def function(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {GENERATED: network(image, training=False)}

    return function


def _without_explicit_padding(generator: keras.Model) -> keras.Model:
    """Return an equivalent copy that uses only convolutions that the converters support.

    TFLite lacks transposed convolution with explicit padding, and tf2onnx converts it wrongly.
    """

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        kind = _CropAfterwards if isinstance(layer, DoublingConv2D) else layer.__class__
        return kind.from_config(layer.get_config())

    network = keras.models.clone_model(generator, clone_function=copied)
    network.set_weights(generator.get_weights())
    return network


class _CropAfterwards(DoublingConv2D):
    """Computes the full transposed convolution and crops its border by slicing."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self._doubled(inputs, cut_afterwards=True)
