"""Self-contained HTML pages: pictures and style lie within, so that one file can be sent on."""

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from matplotlib.figure import Figure

from cyclegan_tf.files import write_atomically
from cyclegan_tf.images import encode_png

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("cyclegan_tf.evaluation"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


def write_page(path: Path, template: str, **values: Any) -> None:
    """Fills a template and writes it, whole or not at all.

    Args:
        path: Where to.
        template: Its name in `evaluation/templates`.
        **values: What it asks for. Arrays and figures become pictures by its filter `picture`.
    """
    write_atomically(path, _TEMPLATES.get_template(template).render(**values))


def picture(image: np.ndarray | Figure) -> str:
    """Encodes a picture as the address of itself, for `<img src=...>`.

    Args:
        image: uint8 `(height, width, channels)`, or a drawn figure.
    """
    if isinstance(image, Figure):
        buffer = BytesIO()
        image.savefig(buffer, format="png", dpi=144)
        encoded = buffer.getvalue()
    else:
        encoded = encode_png(image)
    return "data:image/png;base64," + base64.b64encode(encoded).decode()


_TEMPLATES.filters["picture"] = picture
