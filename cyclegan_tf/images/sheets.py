"""Contact sheets: labelled grids of images."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import as_rgb

_Item = TypeVar("_Item")

_WIDEST = 4096  # Maximum width to which a sheet enlarges small images, in pixels.


def spread(items: Sequence[_Item], most: int) -> list[_Item]:
    """Select at most `most` evenly spaced items, including the first and the last."""
    places = np.linspace(0, len(items) - 1, min(most, len(items)))
    return [items[round(place)] for place in places]


def shortened(name: str, most: int = 20) -> str:
    """Bring a name that people chose to one line of bounded length, for a label or a table."""
    line = " ".join(name.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def grid(
    rows: Sequence[Sequence[np.ndarray]],
    column_labels: Sequence[str],
    row_labels: Sequence[str] = (),
) -> np.ndarray:
    """Draw a labelled grid of images.

    Small images are enlarged by an integer factor, without smoothing, until a cell is at least
    96 pixels high, but at most 4096 pixels wide. Images are centred in cells of equal size.

    Args:
        rows: Images, uint8 in [0, 255], shape `(height, width, 1 to 4)`, of any sizes.
        column_labels: One label for each column.
        row_labels: One label for each row, or empty.

    Returns:
        The sheet, on white, uint8 in [0, 255], shape `(height, width, 3)`.

    Raises:
        UserError: If the number of labels does not match the rows or columns.
    """
    if any(len(row) != len(column_labels) for row in rows) or len(row_labels) not in (0, len(rows)):
        sizes = f"{[len(row) for row in rows]} with {len(column_labels)} and {len(row_labels)}"
        raise UserError(f"labels must match columns and rows; received rows and labels: {sizes}")
    images = [[Image.fromarray(as_rgb(cell)) for cell in row] for row in rows]
    font, gap = _font(), 8
    heading = max((math.ceil(font.getbbox(label)[3]) for label in column_labels), default=0) + gap
    side = max((math.ceil(font.getlength(label)) + gap for label in row_labels), default=0)
    flat = [(p.width, p.height, _enlargement(p)) for row in images for p in row]
    cell_height = max((height * factor for _, height, factor in flat), default=0)
    cell_width = max(
        [width * factor for width, _, factor in flat]
        + [math.ceil(font.getlength(label)) for label in column_labels],
        default=0,
    )
    pitch_x, pitch_y = cell_width + gap, cell_height + gap
    size = gap + side + pitch_x * len(column_labels), gap + heading + pitch_y * len(rows)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for column, label in enumerate(column_labels):
        middle = gap + side + column * pitch_x + cell_width / 2
        draw.text((middle, gap), label, "black", font, anchor="ma")
    for row, line in enumerate(images):
        top = gap + heading + row * pitch_y
        if row_labels:
            draw.text((gap, top + cell_height / 2), row_labels[row], "black", font, anchor="lm")
        for column, image in enumerate(line):
            factor = min(cell_width // image.width, cell_height // image.height)
            cell = ImageOps.scale(image, factor, Image.Resampling.NEAREST)
            left = gap + side + column * pitch_x + (cell_width - cell.width) // 2
            sheet.paste(cell, (left, top + (cell_height - cell.height) // 2))
    return np.asarray(sheet)


def _font() -> ImageFont.FreeTypeFont:
    """Load DejaVu Sans, which has arrows and most alphabets; Pillow's default font has neither."""
    import matplotlib

    path = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    return ImageFont.truetype(str(path), size=15)


def _enlargement(image: Image.Image) -> int:
    """Return the enlargement factor, limited so that a long image of one row fits into memory."""
    return max(1, min(math.ceil(96 / image.height), _WIDEST // image.width))
