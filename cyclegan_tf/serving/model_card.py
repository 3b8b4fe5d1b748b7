"""What people should know of a model before they use it, as a page of Markdown."""

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
    """Where a model comes from.

    Attributes:
        facts: What it was trained on and how, by name, for people to read.
        size: Height and width of the pictures it was trained on.
        evaluation: The table of its figures on test pictures, if there are any.
        names: What people call domains A and B.
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
    """Writes the page.

    Args:
        name: The model's name in the server.
        version: Its number.
        generators: By direction.
        max_pixels: Larger pictures are refused.
        provenance: Where it comes from.
        checks: What was found before it was published.
    """
    sections = {
        "What it was trained on": _rows(provenance.facts),
        "Figures on test pictures": f"```\n{provenance.evaluation}\n```"
        if provenance.evaluation
        else "None were stored: `python -m cyclegan_tf.evaluate` measures a run, and with `--step` "
        "one of its checkpoints.",
        "What it takes and gives": _signatures(generators, provenance.names),
        "Limits": _limits(generators, max_pixels, provenance),
        "A request": _request(name, generators),
        "What was checked": _rows({check.name: str(check) for check in checks}),
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
            "`serving_default` is `a2b`. Pictures of one batch may differ in size, and each comes "
            "back at its own; of floats, a batch has one size. A picture that is not translated "
            "has an empty file and a `status` other than 0, and does not disturb the others:",
            "",
            *(f"- {line}" for line in statuses),
        ]
    )


def _cell(text: str) -> str:
    """Escapes what Markdown, or HTML inside it, would not show as text in a table."""
    return re.sub(r"([\\`*_|<>&\[\]])", r"\\\1", text)


def _limits(generators: Mapping[str, keras.Model], max_pixels: int, provenance: Provenance) -> str:
    height, width = provenance.size
    multiple = max(map(size_multiple, generators.values()))
    lines = [
        f"- Pictures have up to {max_pixels:,} pixels, known from their header; `--max_pixels` of "
        "the export sets it.",
        f"- It was trained on {width}x{height} pixels. Any size is translated, never resized "
        f"(mirrored at its border to a multiple of {multiple}, and cut back), but objects of "
        "other sizes than those it has seen may come out badly.",
        "- It translates pictures of the kinds it was trained on, and changes others "
        "unpredictably. Nothing in an output is evidence of what a picture showed.",
    ]
    labels = [d for d, g in generators.items() if isinstance(g.layers[-1], LabelMap)]
    if labels:
        lines.append(
            f"- `{labels[0]}` gives label maps: grey levels, 0 to 255, that number classes. Of "
            "floats, `round((x + 1) * 127.5)` is the class."
        )
    return "\n".join(lines)


def _request(name: str, generators: Mapping[str, keras.Model]) -> str:
    direction, generator = next(iter(generators.items()))
    black = np.zeros((1, 1, generator.input_shape[-1]), np.uint8)
    pixel = base64.b64encode(encode_png(black)).decode()
    body = json.dumps({"signature_name": direction, "instances": [{"image_bytes": {"b64": pixel}}]})
    return (
        f"```\ncurl -s http://127.0.0.1:8501/v1/models/{name}:predict -d '{body}'\n```\n\n"
        'answers `{"predictions": [{"generated_image_bytes": {"b64": ...}, "status": 0}]}`.'
    )
