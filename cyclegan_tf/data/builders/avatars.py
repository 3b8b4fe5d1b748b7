"""Avatars: drawn people, of whom only the hair changes between the domains.

A person is a short list of named parts, so the same person can be drawn with other hair, and
that is the truth a translation is measured against. `VERSION` of the builder covers everything
that decides a pixel here: raise it with any change to the tables, the sequence or the drawing.
"""

import dataclasses
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from cyclegan_tf.data.builders import demo_data_package, domain_info

SIZES = (64, 128)
TRAIN_PEOPLE = 1000  # in each domain
TEST_PEOPLE = 120  # each drawn for both domains
SEED = 20170330

# Everything but hair and background, in names of python-avatars. Left out are clothes that ignore
# their colour or look like others, and what is no eye (hearts, crosses) or no mouth (vomit).
FACE_PARTS: dict[str, tuple[str, ...]] = {
    "skin_color": ("PALE", "LIGHT", "BROWN", "DARK_BROWN", "BLACK", "TANNED", "YELLOW"),
    "eyes": tuple(
        "DEFAULT CLOSED CRY EYE_ROLL HAPPY SIDE SQUINT SURPRISED WINK WINK_WACKY".split()
    ),
    "eyebrows": tuple(
        "DEFAULT DEFAULT_NATURAL ANGRY ANGRY_NATURAL FLAT_NATURAL FROWN_NATURAL RAISED_EXCITED "
        "RAISED_EXCITED_NATURAL SAD_CONCERNED SAD_CONCERNED_NATURAL UNIBROW_NATURAL UP_DOWN "
        "UP_DOWN_NATURAL".split()
    ),
    "nose": ("DEFAULT", "SMALL", "WIDE"),
    "mouth": tuple(
        "DEFAULT CONCERNED DISBELIEF EATING GRIMACE SAD SCREAM_OPEN SERIOUS SMILE BIG_SMILE "
        "TONGUE TWINKLE".split()
    ),
    "clothing": tuple(
        "BLAZER_SHIRT BLAZER_SWEATER CHEF COLLAR_SWEATER HOODIE OVERALL SHIRT_CREW_NECK "
        "SHIRT_SCOOP_NECK SHIRT_V_NECK".split()
    ),
    "clothing_color": tuple(
        "BLACK BLUE_01 BLUE_02 BLUE_03 GRAY_01 GRAY_02 HEATHER PASTEL_BLUE PASTEL_GREEN "
        "PASTEL_ORANGE PASTEL_YELLOW PINK RED WHITE".split()
    ),
}
FACES = math.prod(len(options) for options in FACE_PARTS.values())

# Light, so that hair of every colour used stands out from it.
BACKGROUND_LEVELS = range(160, 256)

# Left out are hats and head bands, flowers, scars and beards, bald heads, hair of a fixed colour
# (SHAVED_SIDES, STRAIGHT_2), and hair that the edge of the drawing cuts off.
HAIR_TYPES = tuple(
    "BIG_HAIR BOB BUN BUZZCUT CAESAR CAESAR_SIDE_PART CORNROWS CURLY CURLY_2 CURVY DREADLOCKS "
    "DREADS FRIZZLE FRO HALF_SHAVED LONG_NOT_TOO_LONG LOOSE_HAIR MIA_WALLACE MOHAWK MOWGLI PIXIE "
    "POMPADOUR QUIFF SHAGGY SHAGGY_MULLET SHORT_CURLY SHORT_DREADS_1 SHORT_DREADS_2 SHORT_FLAT "
    "SHORT_ROUND SHORT_WAVED STRAIGHT_1 STRAIGHT_STRAND TWIST_LONG_HAIR TWIST_LONG_HAIR_2 "
    "WILD".split()
)
# Partners are of one kind (straight, curly, wavy, dreads, swept aside, swept up): unpaired
# pictures tell a network nothing else about which long hair belongs to which short hair.
SHORT_AND_LONG = (
    ("SHORT_FLAT", "STRAIGHT_STRAND"),
    ("SHORT_CURLY", "CURLY"),
    ("SHORT_WAVED", "LOOSE_HAIR"),
    ("SHORT_DREADS_1", "DREADS"),
    ("PIXIE", "STRAIGHT_1"),
    ("POMPADOUR", "BIG_HAIR"),
)
NATURAL_COLORS = ("AUBURN", "BLACK", "BLONDE", "BROWN", "RED")


@dataclasses.dataclass(frozen=True)
class Hair:
    """A hair type and a hair colour, by their names in python-avatars."""

    hair_type: str
    hair_color: str


@dataclasses.dataclass(frozen=True)
class Person:
    """All that decides a picture: names of python-avatars, and the background as RGB 0-255."""

    skin_color: str
    eyes: str
    eyebrows: str
    nose: str
    mouth: str
    clothing: str
    clothing_color: str
    hair: Hair
    background: tuple[int, int, int]


# What each translation does to hair, (in A, in B). No hair stands twice on one side, so that the
# truth is determined in both directions.
TRANSLATIONS: dict[str, tuple[tuple[Hair, Hair], ...]] = {
    "blond2ginger": tuple((Hair(kind, "BLONDE"), Hair(kind, "RED")) for kind in HAIR_TYPES),
    "short2long": tuple(
        (Hair(short, color), Hair(long, color))
        for short, long in SHORT_AND_LONG
        for color in NATURAL_COLORS
    ),
}


def people(translation: str, count: int) -> list[tuple[Person, Person]]:
    """Returns the first `count` people of one fixed sequence, as they look in A and in B.

    No two of them have the same face and clothes.

    Args:
        translation: A key of `TRANSLATIONS`.
        count: How many, at most a small part of the `FACES` there are.
    """
    # Raw bits: unlike the distributions made of them, NumPy never changes these.
    bits = np.random.PCG64(SEED)
    numbers: dict[int, int] = {}
    while len(numbers) < count:
        number = bits.random_raw()
        numbers.setdefault(number % FACES, number)
    return [_looks(number, TRANSLATIONS[translation]) for number in numbers.values()]


def _looks(number: int, hair_pairs: tuple[tuple[Hair, Hair], ...]) -> tuple[Person, Person]:
    """Reads a person off a number: its digits, in mixed radix, choose the parts, face first."""
    tables: list[Sequence[Any]] = [*FACE_PARTS.values(), hair_pairs, *[BACKGROUND_LEVELS] * 3]
    radices = [len(table) for table in tables]
    digits = np.unravel_index(number % math.prod(radices), radices, order="F")
    *face, (hair_a, hair_b), red, green, blue = (
        table[int(digit)] for table, digit in zip(tables, digits, strict=True)
    )
    parts = dict(zip(FACE_PARTS, face, strict=True))
    person = Person(**parts, hair=hair_a, background=(red, green, blue))
    return person, dataclasses.replace(person, hair=hair_b)


def draw(person: Person, size: int) -> np.ndarray:
    """Draws a whole avatar on its background; the same person always gives the same pixels.

    Args:
        person: Who is drawn.
        size: Height and width in pixels.

    Returns:
        An RGB picture, uint8 in [0, 255], shape `(size, size, 3)`.

    Raises:
        UserError: If python-avatars or resvg-py is not installed.
    """
    avatars = demo_data_package("python_avatars")
    resvg = demo_data_package("resvg_py")
    avatar = avatars.Avatar(
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
    )
    # The drawing is a little higher than wide.
    png = resvg.svg_to_bytes(svg_string=avatar.render(), height=size, skip_system_fonts=True)
    figure = Image.open(io.BytesIO(bytes(png)))
    picture = Image.new("RGB", (size, size), person.background)
    picture.paste(figure, ((size - figure.width) // 2, 0), mask=figure)
    return np.asarray(picture)


@dataclasses.dataclass(eq=False, kw_only=True)
class AvatarsConfig(tfds.core.BuilderConfig):
    """One translation of avatars at one size.

    Attributes:
        translation: A key of `TRANSLATIONS`.
        size: Height and width of the pictures in pixels.
    """

    translation: str
    size: int


class Avatars(tfds.core.GeneratorBasedBuilder):
    """Drawn people with other hair in domain B; the i-th of testA and testB are one person."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = [
        AvatarsConfig(name=f"{translation}_{size}", translation=translation, size=size)
        for translation in TRANSLATIONS
        for size in SIZES
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return domain_info(
            self,
            size=self.builder_config.size,
            description="Drawn people, of whom only the hair changes from domain A to domain B.",
            homepage="https://github.com/ibonn/python_avatars",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        everyone = people(self.builder_config.translation, 2 * TRAIN_PEOPLE + TEST_PEOPLE)
        train_a = everyone[:TRAIN_PEOPLE]
        train_b = everyone[TRAIN_PEOPLE : 2 * TRAIN_PEOPLE]
        test = everyone[2 * TRAIN_PEOPLE :]
        return {
            "trainA": self._generate_examples((in_a for in_a, _ in train_a), "A"),
            "trainB": self._generate_examples((in_b for _, in_b in train_b), "B"),
            "testA": self._generate_examples((in_a for in_a, _ in test), "A"),
            "testB": self._generate_examples((in_b for _, in_b in test), "B"),
        }

    def _generate_examples(self, persons: Iterable[Person], label: str) -> Iterator:
        for index, person in enumerate(persons):
            yield index, {"image": draw(person, self.builder_config.size), "label": label}
