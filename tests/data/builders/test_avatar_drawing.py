"""The drawing of a person and the map of its parts, which the finished picture has to bear out."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("python_avatars", reason="avatars need the extra demo-data")
pytest.importorskip("resvg_py", reason="avatars need the extra demo-data")
avatars = pytest.importorskip("cyclegan_tf.data.builders.avatars", reason="avatars need TFDS")

from cyclegan_tf.data.builders.avatar_drawing import PARTS, Hair, Person, draw, draw_parts  # noqa: E402

PERSON = Person(
    skin_color="PALE",
    eyes="DEFAULT",
    eyebrows="DEFAULT",
    nose="DEFAULT",
    mouth="DEFAULT",
    clothing="HOODIE",
    clothing_color="BLUE_01",
    hair=Hair("BOB", "BLONDE"),
    background=(200, 255, 160),
)


@pytest.mark.parametrize("size", avatars.SIZES)
def test_a_drawing_is_repeatable_and_lies_on_its_background(size):
    picture = draw(PERSON, size)
    assert picture.shape == (size, size, 3) and picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, draw(PERSON, size))
    sides = picture[:, [0, -1]].reshape(-1, 3)
    np.testing.assert_array_equal(sides, np.broadcast_to(PERSON.background, sides.shape))
    bottom = picture[-1, size // 2]
    assert tuple(bottom) != PERSON.background, "the clothes reach the lower edge"


def of_part(person, part, size=128):
    return draw_parts(person, size)[..., 0] == PARTS.index(part)


def changed(person, size=128, **changes):
    """Where a person looks clearly different with other parts."""
    other = dataclasses.replace(person, **changes)
    pictures = [draw(someone, size).astype(int) for someone in (person, other)]
    return np.abs(pictures[0] - pictures[1]).max(-1)


def grown(mask):
    """A mask and the pixels beside it, which a soft border may reach."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    shifts = [(down, right) for down in range(3) for right in range(3)]
    return np.any([padded[d : d + height, r : r + width] for d, r in shifts], axis=0)


@pytest.mark.parametrize("size", avatars.SIZES)
def test_a_map_of_parts_is_repeatable_and_holds_every_part(size):
    labels = draw_parts(PERSON, size)
    assert labels.shape == (size, size, 1) and labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, draw_parts(PERSON, size))
    assert set(np.unique(labels)) == set(range(len(PARTS)))
    assert len(PARTS) == 8 and PARTS[0] == "background"


@pytest.mark.parametrize("hair_type", avatars.HAIR_TYPES)
def test_hair_is_what_another_hair_colour_changes(hair_type):
    black, white = Hair(hair_type, "BLACK"), Hair(hair_type, "SILVER_GRAY")
    person = dataclasses.replace(PERSON, hair=black)
    hair = of_part(person, "hair")
    difference = changed(person, hair=white)
    assert difference[hair].min() > 0 and np.median(difference[hair]) > 100
    # Black and silver are 200 apart; tips thinner than half a pixel belong to what is beneath.
    assert difference[~hair].max() < 130 and difference[~grown(hair)].max() < 60


@pytest.mark.parametrize("hair_type", avatars.HAIR_TYPES)
def test_shadows_of_the_hair_change_no_part(hair_type):
    person = dataclasses.replace(PERSON, hair=Hair(hair_type, "BLACK"))
    bald = dataclasses.replace(PERSON, hair=Hair("NONE", "BLACK"))
    away = ~grown(of_part(person, "hair"))
    with_hair, without = (draw_parts(one, 128)[away] for one in (person, bald))
    np.testing.assert_array_equal(with_hair, without)


def test_clothes_and_skin_are_what_their_colours_change():
    person = dataclasses.replace(PERSON, clothing="SHIRT_V_NECK", clothing_color="BLACK")
    clothes, skin = of_part(person, "clothes"), of_part(person, "skin")
    clothes_differ = changed(person, clothing_color="WHITE") > 100
    assert np.mean(clothes_differ != clothes) < 0.01
    skin_differs = changed(person, skin_color="BLACK") > 90
    # Eyes, brows and nose are translucent, so the skin changes them too.
    assert np.mean((skin_differs != skin)[~grown(of_part(person, "nose"))]) < 0.02


@pytest.mark.parametrize(
    "part, name, options",
    [
        ("eyes", "eyes", ("DEFAULT", "EYE_ROLL", "CRY", "HAPPY", "WINK_WACKY")),
        ("eyebrows", "eyebrows", ("DEFAULT", "UNIBROW_NATURAL", "UP_DOWN")),
        ("nose", "nose", ("DEFAULT", "SMALL", "WIDE")),
        ("mouth", "mouth", ("DEFAULT", "TONGUE", "SERIOUS", "SCREAM_OPEN")),
    ],
)
def test_features_are_where_another_one_is_drawn_differently(part, name, options):
    for first, second in zip(options, options[1:], strict=False):
        person = dataclasses.replace(PERSON, **{part: first})
        either = of_part(person, name) | of_part(
            dataclasses.replace(person, **{part: second}), name
        )
        difference = changed(person, **{part: second})
        assert difference[either].max() > 30 and difference[~grown(either)].max() < 30


def test_blushing_cheeks_are_skin():
    blushing = dataclasses.replace(PERSON, mouth="EATING")
    mouth = of_part(blushing, "mouth")
    cheeks = (changed(blushing, mouth="SERIOUS") > 12) & ~grown(mouth)
    cheeks &= ~grown(of_part(dataclasses.replace(PERSON, mouth="SERIOUS"), "mouth"))
    assert cheeks.sum() > 40
    assert of_part(blushing, "skin")[cheeks].mean() > 0.95
