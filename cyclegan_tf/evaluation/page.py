"""Self-contained HTML pages, with embedded images and styles, so that one file can be shared."""

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

# Importing matplotlib takes longer than writing most pages, and few pages have figures.
if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Figures draw in this placeholder colour, which pages replace by their text colour.
INK = "#010203"

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("cyclegan_tf.evaluation"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


def write_page(path: Path, template: str, **values: Any) -> None:
    """Render a template and write it atomically.

    Args:
        path: The file to write.
        template: Name of the template in `evaluation/templates`.
        **values: Variables of the template. Its filter `picture` embeds arrays and figures as
            images; its filter `drawing` embeds figures as SVG.
    """
    write_atomically(path, _TEMPLATES.get_template(template).render(**values))


def picture(image: "np.ndarray | Figure") -> str:
    """Encode an image as a data URL, for `<img src=...>`.

    Args:
        image: uint8 `(height, width, channels)`, or a matplotlib figure.
    """
    if isinstance(image, np.ndarray):
        encoded = encode_png(image)
    else:
        buffer = BytesIO()
        image.savefig(buffer, format="png", dpi=144)
        encoded = buffer.getvalue()
    return _address(encoded, "png")


def drawing(figure: "Figure") -> str:
    """Convert a figure to an `<svg>` element, which fills the available width and is reproducible.

    Args:
        figure: A figure whose label describes it and is unique on the page.
    """
    import matplotlib

    label, buffer = str(figure.get_label()), StringIO()
    # The threshold, in points, limits how many points of a long curve are stored.
    style: Any = {"svg.fonttype": "none", "svg.hashsalt": label, "path.simplify_threshold": 1.0}
    with matplotlib.rc_context(style):
        figure.savefig(
            buffer,
            format="svg",
            transparent=True,
            metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")),
        )
    content = buffer.getvalue().partition("<svg")[2].partition(">")[2]
    # Group ids repeat across figures, and nothing refers to them. Ids in references are salted.
    content = re.sub(r'<g id="[^"]*"', "<g", content).replace(INK, "currentColor")
    width, height = 72 * figure.get_size_inches()
    name = html.escape(label)
    return f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{name}">{content}'


@dataclass(frozen=True)
class Stored:
    """An image file embedded in a page.

    Attributes:
        address: Data URL for `<img src=...>`.
        width: Width of the file, in pixels.
        height: Height of the file, in pixels.
        reduced: Whether the image was compressed for the page.
    """

    address: str
    width: int
    height: int
    reduced: bool

    @classmethod
    def read(cls, path: Path, most_bytes: int, longer: int = 1600) -> "Stored":
        """Read a PNG file; compress it with loss if it is too large.

        Args:
            path: The file. It is decoded even if unchanged, to detect damage.
            most_bytes: Maximum size in the page before base64 encoding, in bytes.
            longer: Maximum length of the longer side of a compressed image, in pixels.

        Raises:
            UserError: If the file cannot be read or decoded.
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
    """Format a duration, such as `12 ms`, `7.3 s`, `18 min` or `3.5 h`."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _address(encoded: bytes, kind: str) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(encoded).decode()


_TEMPLATES.filters["picture"] = picture
_TEMPLATES.filters["drawing"] = drawing
