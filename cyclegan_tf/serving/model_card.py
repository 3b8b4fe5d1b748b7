"""The model card: what users should know about a model, as a Markdown page."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from cyclegan_tf.config.direction import Direction
from cyclegan_tf.images.images import encode_png
from cyclegan_tf.models.autoencoders import LabelMap
from cyclegan_tf.models.layers import size_multiple
from cyclegan_tf.serving.checks import Check
from cyclegan_tf.serving.decoding import Status


@dataclass(frozen=True)
class Provenance:
    """The origin of a model.

    Attributes:
        facts: Training data and settings, by name, as text.
        size: Height and width of the training images, in pixels.
        evaluation: Table of metrics on test images; empty if there is none.
        names: The names of domains A and B that people read.
    """

    facts: Mapping[str, str]
    size: tuple[int, int]
    evaluation: str = ""
    names: tuple[str, str] = ("A", "B")


def model_card(
    name: str,
    version: int,
    generators: Mapping[str, keras.Model],
    max_pixels: int,
    provenance: Provenance,
    checks: Sequence[Check],
) -> str:
    """Write the model card.

    Args:
        name: Name of the model in the server.
        version: Number of the version.
        generators: The generators, by direction.
        max_pixels: Maximum number of pixels of an image.
        provenance: Origin of the model.
        checks: Results of the checks before publishing.
    """
    sections = {
        "Training": _rows(provenance.facts),
        "Metrics on test images": f"```\n{provenance.evaluation}\n```"
        if provenance.evaluation
        else "The run was not evaluated before the export. `python -m cyclegan_tf.evaluate` "
        "evaluates a run, or with `--step` one of its checkpoints.",
        "Inputs and outputs": _signatures(generators, provenance.names),
        "Limits": _limits(generators, max_pixels, provenance),
        "Example request": _request(name, generators),
        "Checks": _rows({check.name: str(check) for check in checks}),
    }
    parts = (f"## {title}\n\n{text}\n" for title, text in sections.items())
    return "\n".join([f"# {name}, version {version}\n", *parts])


def _rows(facts: Mapping[str, str]) -> str:
    return "\n".join(
        ["| | |", "|---|---|", *(f"| {name} | {fact} |" for name, fact in facts.items())]
    )


def _signatures(generators: Mapping[str, keras.Model], names: tuple[str, str]) -> str:
    lines = ["| signature | translates | input | outputs |", "|---|---|---|---|"]
    for direction, generator in generators.items():
        arrow = _cell(Direction(direction).arrow(*names))
        before, after = generator.input_shape[-1], generator.output_shape[-1]
        lines += [
            f"| `{direction}` | {arrow} | `image_bytes`, string (batch): PNG or JPEG files | "
            "`generated_image_bytes`, string (batch): PNG files; `status`, int32 (batch) |",
            f"| `{direction}_float` | {arrow} | `image`, float32 (batch, height, width, "
            f"{before}) in [-1, 1] | `generated_image`, float32 (batch, height, width, {after}) in "
            "[-1, 1] |",
        ]
    statuses = (f"{status.value}: {status.meaning}" for status in Status)
    return "\n".join(
        [
            *lines,
            "",
            "`serving_default` is `a2b`. Encoded images in a batch may differ in size, and each "
            "keeps its size; float images in a batch must have the same size. If an image is not "
            "translated, its file is empty and its `status` is not 0; the others are unaffected:",
            "",
            *(f"- {line}" for line in statuses),
        ]
    )


def _cell(text: str) -> str:
    """Escape what Markdown, or HTML inside it, would not show as text in a table."""
    return re.sub(r"([\\`*_|<>&\[\]])", r"\\\1", text)


def _limits(generators: Mapping[str, keras.Model], max_pixels: int, provenance: Provenance) -> str:
    height, width = provenance.size
    multiple = max(map(size_multiple, generators.values()))
    lines = [
        f"- Images with more than {max_pixels:,} pixels are rejected before decoding; "
        "`--max_pixels` of the export sets this limit.",
        f"- The model was trained on {width}x{height} pixels. It translates images of any size "
        f"without resizing (it pads them by reflection to a multiple of {multiple} and crops the "
        "result). Objects at scales that are not in the training data may be translated badly.",
        "- The model translates images like its training data, and changes others "
        "unpredictably. Do not use an output as evidence of what an image showed.",
    ]
    labels = [d for d, g in generators.items() if isinstance(g.layers[-1], LabelMap)]
    if labels:
        lines.append(
            f"- `{labels[0]}` returns label maps: grey levels from 0 to 255 are class indices. "
            "For float outputs, the class is `round((x + 1) * 127.5)`."
        )
    return "\n".join(lines)


def _request(name: str, generators: Mapping[str, keras.Model]) -> str:
    direction, generator = next(iter(generators.items()))
    black = np.zeros((1, 1, generator.input_shape[-1]), np.uint8)
    pixel = base64.b64encode(encode_png(black)).decode()
    body = json.dumps({"signature_name": direction, "instances": [{"image_bytes": {"b64": pixel}}]})
    return (
        f"```\ncurl -s http://127.0.0.1:8501/v1/models/{name}:predict -d '{body}'\n```\n\n"
        'returns `{"predictions": [{"generated_image_bytes": {"b64": ...}, "status": 0}]}`.'
    )
