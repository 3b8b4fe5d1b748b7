"""Self-contained HTML pages: pictures and style lie within, so that one file can be sent on."""

import base64
import html
import re
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np

from cyclegan_tf.files import write_atomically
from cyclegan_tf.images.images import encode_jpeg, encode_png, read_image, resize

# It takes longer to import than most pages to write, and few have figures.
if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What is drawn in this colour has that of the page's text.
INK = "#010203"

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
        **values: What it asks for. Arrays and figures become pictures by its filter `picture`,
            figures also lines and text by `drawing`.
    """
    write_atomically(path, _TEMPLATES.get_template(template).render(**values))


def picture(image: "np.ndarray | Figure") -> str:
    """Encodes a picture as the address of itself, for `<img src=...>`.

    Args:
        image: uint8 `(height, width, channels)`, or a drawn figure.
    """
    if isinstance(image, np.ndarray):
        encoded = encode_png(image)
    else:
        buffer = BytesIO()
        image.savefig(buffer, format="png", dpi=144)
        encoded = buffer.getvalue()
    return _address(encoded, "png")


def drawing(figure: "Figure") -> str:
    """Turns a figure into an `<svg>` element, as wide as there is room and the same every time.

    Args:
        figure: Its label says what it shows; no two on a page have the same.
    """
    import matplotlib

    label, buffer = str(figure.get_label()), StringIO()
    # A threshold of a point bounds how many of a long curve's points are kept.
    style: Any = {"svg.fonttype": "none", "svg.hashsalt": label, "path.simplify_threshold": 1.0}
    with matplotlib.rc_context(style):
        figure.savefig(
            buffer,
            format="svg",
            transparent=True,
            metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")),
        )
    content = buffer.getvalue().partition("<svg")[2].partition(">")[2]
    # Groups are numbered alike in all figures; the ids that are referred to have the salt.
    content = re.sub(r'<g id="[^"]*"', "<g", content).replace(INK, "currentColor")
    width, height = 72 * figure.get_size_inches()
    name = html.escape(label)
    return f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{name}">{content}'


@dataclass(frozen=True)
class Stored:
    """A picture file within a page.

    Attributes:
        address: Of itself, for `<img src=...>`.
        width: In pixels, of the file.
        height: The same.
        reduced: Whether it was compressed for the page.
    """

    address: str
    width: int
    height: int
    reduced: bool

    @classmethod
    def read(cls, path: Path, most_bytes: int, longer: int = 1600) -> "Stored":
        """Reads a PNG file; one that takes too much space is compressed with loss.

        Args:
            path: Of the file. It is decoded, so that a damaged one is noticed.
            most_bytes: How large it may be within the page, before it is encoded as text.
            longer: Of what is compressed, the longer side at most, in pixels.

        Raises:
            UserError: If it cannot be read or decoded.
        """
        image = read_image(path)
        height, width, _ = image.shape
        if path.stat().st_size <= most_bytes:
            return cls(_address(path.read_bytes(), "png"), width, height, False)
        longer = min(longer, max(image.shape))
        while len(encoded := encode_jpeg(resize(image, longer))) > most_bytes and longer > 64:
            longer = longer * 3 // 4
        return cls(_address(encoded, "jpeg"), width, height, True)


def duration(seconds: float) -> str:
    """Says how long something took, such as `12 ms`, `7.3 s`, `18 min` or `3.5 h`."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _address(encoded: bytes, kind: str) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(encoded).decode()


_TEMPLATES.filters["picture"] = picture
_TEMPLATES.filters["drawing"] = drawing
