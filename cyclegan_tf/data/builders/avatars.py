"""Avatars: rendered people; the domains differ in hair only, or B holds label maps of parts.

A person is a list of named parts, so the same person can be rendered with other hair: that is
the ground truth of a translation. The class of every pixel is known too. Raise the builder's
`VERSION` with any change to the tables, the sequence or the rendering, all of which it covers.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_tf.data.builders.avatar_drawing import Hair, Person, draw, draw_parts
from cyclegan_tf.data.builders.features import data_set_info

SIZES = (64, 128)
TRAIN_PEOPLE = 1000  # in each domain
TEST_PEOPLE = 120  # each rendered for both domains
SEED = 20170330

# Everything but hair and background, as names of python-avatars. Excluded: clothes that ignore
# their colour or resemble others, and symbols in place of eyes (hearts, crosses) or mouth (vomit).
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

# Light, so that every hair colour stands out.
BACKGROUND_LEVELS = range(160, 256)

# Excluded: hats and head bands, flowers, scars and beards, bald heads, hair of a fixed colour
# (SHAVED_SIDES, STRAIGHT_2), and hair that the edge of the drawing cuts off.
HAIR_TYPES = tuple(
    "BIG_HAIR BOB BUN BUZZCUT CAESAR CAESAR_SIDE_PART CORNROWS CURLY CURLY_2 CURVY DREADLOCKS "
    "DREADS FRIZZLE FRO HALF_SHAVED LONG_NOT_TOO_LONG LOOSE_HAIR MIA_WALLACE MOHAWK MOWGLI PIXIE "
    "POMPADOUR QUIFF SHAGGY SHAGGY_MULLET SHORT_CURLY SHORT_DREADS_1 SHORT_DREADS_2 SHORT_FLAT "
    "SHORT_ROUND SHORT_WAVED STRAIGHT_1 STRAIGHT_STRAND TWIST_LONG_HAIR TWIST_LONG_HAIR_2 "
    "WILD".split()
)
# Both styles of a pair are of one kind (straight, curly, wavy, dreads, swept aside, swept up):
# with unpaired images, a network has no other clue to which long hair belongs to which short hair.
SHORT_AND_LONG = (
    ("SHORT_FLAT", "STRAIGHT_STRAND"),
    ("SHORT_CURLY", "CURLY"),
    ("SHORT_WAVED", "LOOSE_HAIR"),
    ("SHORT_DREADS_1", "DREADS"),
    ("PIXIE", "STRAIGHT_1"),
    ("POMPADOUR", "BIG_HAIR"),
)
NATURAL_COLORS = ("AUBURN", "BLACK", "BLONDE", "BROWN", "RED")
HAIR_COLORS = (
    *NATURAL_COLORS,
    *("BLONDE_GOLDEN", "BROWN_DARK", "PASTEL_PINK", "PLATINUM", "SILVER_GRAY"),
)

# Hair in A and hair in B for each translation. No hair occurs twice in one domain, so that the
# ground truth is unique in both directions.
TRANSLATIONS: dict[str, tuple[tuple[Hair, Hair], ...]] = {
    "blond2ginger": tuple((Hair(kind, "BLONDE"), Hair(kind, "RED")) for kind in HAIR_TYPES),
    "short2long": tuple(
        (Hair(short, color), Hair(long, color))
        for short, long in SHORT_AND_LONG
        for color in NATURAL_COLORS
    ),
}
# Hair of the people in each configuration; with `parts`, both domains show the same hair.
_HAIR = TRANSLATIONS | {
    "parts": tuple((Hair(*hair), Hair(*hair)) for hair in product(HAIR_TYPES, HAIR_COLORS))
}


def people(translation: str, count: int) -> list[tuple[Person, Person]]:
    """Return the first `count` people of a fixed sequence, as they look in A and in B.

    No two people have the same face and clothes.

    Args:
        translation: A key of `TRANSLATIONS`, or `parts` for hair of all types and colours.
        count: Number of people, far fewer than `FACES`.
    """
    # NumPy keeps raw bits stable across versions, unlike its distributions.
    bits = np.random.PCG64(SEED)
    numbers: dict[int, int] = {}
    while len(numbers) < count:
        number = bits.random_raw()
        numbers.setdefault(number % FACES, number)
    return [_looks(number, _HAIR[translation]) for number in numbers.values()]


def _looks(number: int, hair_pairs: tuple[tuple[Hair, Hair], ...]) -> tuple[Person, Person]:
    """Decode a number into a person: its mixed-radix digits choose the parts, face first."""
    tables: list[Sequence[Any]] = [*FACE_PARTS.values(), hair_pairs, *[BACKGROUND_LEVELS] * 3]
    radices = [len(table) for table in tables]
    digits = np.unravel_index(number % math.prod(radices), radices, order="F")
    *face, (hair_a, hair_b), red, green, blue = (
        table[int(digit)] for table, digit in zip(tables, digits, strict=True)
    )
    parts = dict(zip(FACE_PARTS, face, strict=True))
    person = Person(**parts, hair=hair_a, background=(red, green, blue))
    return person, dataclasses.replace(person, hair=hair_b)


@dataclasses.dataclass(eq=False, kw_only=True)
class AvatarsConfig(tfds.core.BuilderConfig):
    """Configuration of a translation at one image size.

    Attributes:
        translation: A key of `TRANSLATIONS`, or `parts`: then the targets are label maps.
        size: Height and width of the images in pixels.
        paired: Whether each example is an image and its ground truth.
    """

    translation: str
    size: int
    paired: bool = False


class Avatars(tfds.core.GeneratorBasedBuilder):
    """Rendered people; domain B shows them with other hair, or as label maps of their parts."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = [
        AvatarsConfig(
            name=f"{translation}_{size}{suffix}",
            translation=translation,
            size=size,
            paired=paired,
        )
        for translation, suffix, paired in (
            *((translation, "", False) for translation in TRANSLATIONS),
            *((translation, "_paired", True) for translation in TRANSLATIONS),
            ("parts", "", True),
        )
        for size in SIZES
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        truth_channels = 1 if config.translation == "parts" else 3
        return data_set_info(
            self,
            size=config.size,
            description="Rendered people; only the hair differs between domains A and B, or B "
            "holds label maps of their parts.",
            homepage="https://github.com/ibonn/python_avatars",
            truth_channels=truth_channels if config.paired else None,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        config = self.builder_config
        draw_truth = draw_parts if config.translation == "parts" else draw
        everyone = people(config.translation, 2 * TRAIN_PEOPLE + TEST_PEOPLE)
        train, test = everyone[: 2 * TRAIN_PEOPLE], everyone[2 * TRAIN_PEOPLE :]

        def in_a(person: tuple[Person, Person]) -> dict[str, Any]:
            return {"image": draw(person[0], config.size), "label": "A"}

        def in_b(person: tuple[Person, Person]) -> dict[str, Any]:
            return {"image": draw(person[1], config.size), "label": "B"}

        def pair(person: tuple[Person, Person]) -> dict[str, Any]:
            return {"a": draw(person[0], config.size), "b": draw_truth(person[1], config.size)}

        if config.paired:
            contents = {"train": (train, pair), "test": (test, pair)}
        else:
            contents = {
                "trainA": (train[:TRAIN_PEOPLE], in_a),
                "trainB": (train[TRAIN_PEOPLE:], in_b),
                "testA": (test, in_a),
                "testB": (test, in_b),
            }
        return {split: self._generate_examples(*content) for split, content in contents.items()}

    def _generate_examples(
        self,
        persons: list[tuple[Person, Person]],
        example: Callable[[tuple[Person, Person]], dict[str, Any]],
    ) -> Iterator:
        for index, person in enumerate(persons):
            yield index, example(person)
