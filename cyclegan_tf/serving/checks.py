"""Checks that an exported version must pass before it is published."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from cyclegan_tf.compat import network_state
from cyclegan_tf.images.images import encode_png, read_image, to_float, to_uint8
from cyclegan_tf.models.autoencoders import LabelMap
from cyclegan_tf.serving.decoding import Status
from cyclegan_tf.serving.signatures import (
    GENERATED,
    GENERATED_BYTES,
    IMAGE,
    IMAGE_BYTES,
    STATUS,
)
from cyclegan_tf.translation.network import translator

# Operations that call Python, which a server does not have.
_PYTHON = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}
# Largest share of pixels whose label may differ: where two classes are equally likely, rounding
# decides, and adjacent labels are not similar classes.
_MOST_OTHER_LABELS = 1e-3

Pictures = Mapping[str, Sequence[np.ndarray]]


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: The property that was checked.
        passed: Whether the version has it.
        figures: The measurements, by name.
    """

    name: str
    passed: bool
    figures: dict[str, Any]

    def __str__(self) -> str:
        """Return the measurements in one line."""
        return "; ".join(f"{name} {_in_words(value)}" for name, value in self.figures.items())


def _in_words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return f"{value:.2g}" if isinstance(value, float) else str(value)


def check(version: Path, generators: Mapping[str, keras.Model], pictures: Pictures) -> list[Check]:
    """Load a version from disk and compare it with the original generators.

    Args:
        version: Folder of the version.
        generators: The generators, by direction.
        pictures: At least one image per direction, of any size; uint8 `(height, width, channels)`.
    """
    signatures = tf.saved_model.load(str(version)).signatures
    return [
        check_weights(version, generators),
        check_operations(version),
        *(check_outputs(signatures, d, g, pictures[d]) for d, g in generators.items()),
        *(check_neighbours(signatures[d], d, pictures[d]) for d in generators),
    ]


def check_weights(version: Path, generators: Mapping[str, keras.Model]) -> Check:
    """Check that every weight is stored exactly once, bit-identical, and nothing else is."""
    stored = tf.train.load_checkpoint(str(version / "variables/variables"))
    values = {
        name: stored.get_tensor(name)
        for name in stored.get_variable_to_shape_map()
        if name.endswith("VARIABLE_VALUE")
    }
    expected = [v.numpy() for g in generators.values() for v in network_state(g).values()]
    left = [_bits(array) for array in values.values()]
    missing = 0
    for bits in map(_bits, expected):
        if bits in left:
            left.remove(bits)
        else:
            missing += 1
    figures = {
        "parameters": sum(array.size for array in expected),
        "stored values": sum(array.size for array in values.values()),
        "variables": len(values),
        "differing variables": missing + len(left),
    }
    return Check("every weight is stored once", not (missing or left), figures)


def _bits(array: np.ndarray) -> tuple[Any, ...]:
    return array.dtype.str, array.shape, array.tobytes()


def check_operations(version: Path) -> Check:
    """Check that the graph does not call Python or require XLA."""
    model = SavedModel.FromString((version / "saved_model.pb").read_bytes())
    (graph,) = (meta.graph_def for meta in model.meta_graphs)
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    python = sorted({node.op for node in nodes} & _PYTHON)
    marked = [*nodes, *graph.library.function]
    compiled = sum(marked.attr["_XlaMustCompile"].b for marked in marked)
    figures = {"operations": len(nodes), "python": python, "compiled by XLA": compiled}
    return Check("no Python and no XLA in the graph", not (python or compiled), figures)


def check_outputs(
    signatures: Mapping[str, Any],
    direction: str,
    generator: keras.Model,
    pictures: Sequence[np.ndarray],
) -> Check:
    """Check that both signatures match the translation of files to within 1 (0-255 scale)."""
    expected = [*map(translator(generator), pictures)]
    answers = ask(signatures[direction], [encode_png(picture) for picture in pictures])
    encoded = [read_image(data, generator.output_shape[-1]) for data, _ in answers if data]
    as_floats = signatures[f"{direction}_float"]
    images = [to_float(picture[np.newaxis]) for picture in pictures]
    floats = [to_uint8(as_floats(**{IMAGE: image})[GENERATED])[0].numpy() for image in images]
    unit, compare, most = measure(generator)
    differences = {
        f"{unit}, {form}": max(map(compare, found, expected))
        for form, found in (("as files", encoded), ("as floats", floats))
    }
    answered = len(encoded) == len(pictures)
    passed = answered and max(differences.values()) <= most
    sizes = [f"{width}x{height}" for height, width, _ in (p.shape for p in pictures)]
    return Check(f"{direction} matches translate", passed, {"sizes": sizes, **differences})


def measure(
    generator: keras.Model,
) -> tuple[str, Callable[[np.ndarray, np.ndarray], float], float]:
    """Return the unit, the function and the tolerance for comparing two results."""
    if isinstance(generator.layers[-1], LabelMap):
        return "share of other labels", _share_of_other_labels, _MOST_OTHER_LABELS
    return "levels of 255 off", _levels_off, 1.0


def _levels_off(found: np.ndarray, expected: np.ndarray) -> float:
    if found.shape != expected.shape:
        return math.inf
    return float(np.abs(found.astype(int) - expected).max())


def _share_of_other_labels(found: np.ndarray, expected: np.ndarray) -> float:
    return float((found != expected).mean()) if found.shape == expected.shape else math.inf


def check_neighbours(signature: Any, direction: str, pictures: Sequence[np.ndarray]) -> Check:
    """Check that bad images in a batch do not affect the others."""
    good = [encode_png(picture) for picture in pictures]
    bad = {"junk": b"junk", "cut off": good[0][: len(good[0]) // 2], "empty": b""}
    alone = ask(signature, good)
    mixed = ask(signature, [*good[:1], *bad.values(), *good[1:]])
    others = [*mixed[:1], *mixed[1 + len(bad) :]]
    found = mixed[1 : 1 + len(bad)]
    statuses = {name: Status(status).name for name, (_, status) in zip(bad, found, strict=True)}
    passed = others == alone and all(not data and status != Status.GOOD for data, status in found)
    return Check(f"{direction} isolates bad images in a batch", passed, statuses)


def ask(signature: Any, files: Sequence[bytes]) -> list[tuple[bytes, int]]:
    """Run encoded images through a signature; return the generated file and status of each."""
    answer = signature(**{IMAGE_BYTES: tf.constant(list(files))})
    return list(zip(answer[GENERATED_BYTES].numpy(), answer[STATUS].numpy().tolist(), strict=True))
