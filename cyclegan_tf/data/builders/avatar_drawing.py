"""Renders avatars with python-avatars, and label maps of their parts."""

import dataclasses
import io
from collections.abc import Mapping
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from cyclegan_tf.data.builders.features import LABELS, demo_data_package

PARTS = LABELS["avatars/parts"]

# The groups of python-avatars' drawing and the part each belongs to. Translucent shapes in _BODY
# shade or light the shapes beneath them; the groups in _FEATURES are translucent as a whole.
_BODY = {"Body": "skin", "Clothing": "clothes", "Top": "hair"}
_FEATURES = {"Eyes": "eyes", "Eyebrow": "eyebrows", "Mouth": "mouth", "Nose": "nose"}
_STYLE = "transparent"  # python-avatars prefixes the names of groups with this.
_CHEEKS = "eating_Redish"  # The only shading among the features.


@dataclasses.dataclass(frozen=True)
class Hair:
    """A hair type and a hair colour, by their names in python-avatars."""

    hair_type: str
    hair_color: str


@dataclasses.dataclass(frozen=True)
class Person:
    """Everything that determines an image: python-avatars names and an RGB background (0-255)."""

    skin_color: str
    eyes: str
    eyebrows: str
    nose: str
    mouth: str
    clothing: str
    clothing_color: str
    hair: Hair
    background: tuple[int, int, int]


def draw(person: Person, size: int) -> np.ndarray:
    """Render an avatar on its background; the same person always gives the same pixels.

    Args:
        person: The person to render.
        size: Height and width in pixels.

    Returns:
        An RGB image, uint8 in [0, 255], shape `(size, size, 3)`.

    Raises:
        UserError: If python-avatars or resvg-py is not installed.
    """
    image = Image.new("RGB", (size, size), person.background)
    figure = _figure(_drawing(person), size)
    image.paste(figure, mask=figure)
    return np.asarray(image)


def draw_parts(person: Person, size: int) -> np.ndarray:
    """Render the label map of an avatar.

    A pixel's class is the part that contributes most of its colour, with eyes, eyebrows, mouth
    and nose drawn opaque. Shadows, highlights and blushing cheeks belong to the part beneath
    them, and tears to the eyes.

    Args:
        person: The person to render.
        size: Height and width in pixels.

    Returns:
        Indices into `PARTS`, uint8, shape `(size, size, 1)`.

    Raises:
        UserError: If python-avatars or resvg-py is not installed.
    """
    drawing = _drawing(person)
    coverage = np.zeros((size, size, len(PARTS)), int)
    # With one part painted in one channel and all else black, the level is the part's coverage.
    for first in range(1, len(PARTS), 3):
        shown = PARTS[first : first + 3]
        painted = _painted(drawing, dict(zip(shown, ("#f00", "#0f0", "#00f"), strict=False)))
        levels = np.asarray(_figure(painted, size)).astype(int)
        coverage[..., first : first + 3] = (levels[..., :3] * levels[..., 3:])[..., : len(shown)]
    coverage[..., 0] = 255 * (255 - levels[..., 3])
    return coverage.argmax(-1)[..., np.newaxis].astype(np.uint8)


def _drawing(person: Person) -> str:
    avatars = demo_data_package("python_avatars")
    return avatars.Avatar(
        style=avatars.AvatarStyle.TRANSPARENT,
        top=avatars.HairType[person.hair.hair_type],
        hair_color=avatars.HairColor[person.hair.hair_color],
        skin_color=avatars.SkinColor[person.skin_color],
        eyes=avatars.EyeType[person.eyes],
        eyebrows=avatars.EyebrowType[person.eyebrows],
        nose=avatars.NoseType[person.nose],
        mouth=avatars.MouthType[person.mouth],
        clothing=avatars.ClothingType[person.clothing],
        clothing_color=avatars.ClothingColor[person.clothing_color],
        facial_hair=avatars.FacialHairType.NONE,
        accessory=avatars.AccessoryType.NONE,
        shirt_graphic=avatars.ClothingGraphic.NONE,
    ).render()


def _figure(drawing: str, size: int) -> Image.Image:
    """Render a drawing (SVG), centred on a transparent square, RGBA."""
    resvg = demo_data_package("resvg_py")
    # The drawing is slightly taller than wide.
    png = resvg.svg_to_bytes(svg_string=drawing, height=size, skip_system_fonts=True)
    figure = Image.open(io.BytesIO(bytes(png)))
    square = Image.new("RGBA", (size, size))
    square.paste(figure, ((size - figure.width) // 2, 0))
    return square


def _painted(drawing: str, colors: Mapping[str, str]) -> str:
    """Paint each part of an avatar in one flat colour, black by default."""
    root = ElementTree.fromstring(drawing)
    for name, part in (_BODY | _FEATURES).items():
        for group in root.iterfind(f".//*[@id='{_STYLE}_{name}']"):
            _paint(group, colors.get(part, "#000"), opaque=name in _FEATURES)
    return ElementTree.tostring(root, encoding="unicode")


def _paint(element: ElementTree.Element, color: str, opaque: bool) -> None:
    if opaque:
        for name in ("opacity", "fill-opacity"):
            element.attrib.pop(name, None)
    if element.get("fill", "none") not in ("none", ""):
        element.set("fill", color)
    for child in list(element):
        if child.get("id") == _CHEEKS:
            element.remove(child)
        elif not child.tag.endswith(("}mask", "}defs")):  # Not visible.
            _paint(child, color, opaque)
