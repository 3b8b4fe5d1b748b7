"""The avatars: people, their drawing, and what every built-in data set has in common."""

import dataclasses
import sys

import numpy as np
import pytest

from cyclegan_tf.data.builders import catalog
from cyclegan_tf.errors import UserError

tfds = pytest.importorskip("tensorflow_datasets")
pytest.importorskip("python_avatars", reason="avatars need the extra demo-data")
pytest.importorskip("resvg_py", reason="avatars need the extra demo-data")

from cyclegan_tf.data.builders import avatars  # noqa: E402

PERSON = avatars.Person(
    skin_color="PALE",
    eyes="DEFAULT",
    eyebrows="DEFAULT",
    nose="DEFAULT",
    mouth="DEFAULT",
    clothing="HOODIE",
    clothing_color="BLUE_01",
    hair=avatars.Hair("BOB", "BLONDE"),
    background=(200, 255, 160),
)
each_translation = pytest.mark.parametrize("translation", avatars.TRANSLATIONS)


def face(person: avatars.Person) -> avatars.Person:
    return dataclasses.replace(person, hair=PERSON.hair, background=PERSON.background)


@pytest.fixture
def few_people(monkeypatch):
    monkeypatch.setattr(avatars, "TRAIN_PEOPLE", 3)
    monkeypatch.setattr(avatars, "TEST_PEOPLE", 2)


@each_translation
def test_no_two_people_of_the_data_set_share_a_face(translation):
    count = 2 * avatars.TRAIN_PEOPLE + avatars.TEST_PEOPLE
    people = avatars.people(translation, count)
    assert len({face(in_a) for in_a, _ in people}) == count


@each_translation
def test_the_sequence_of_people_does_not_depend_on_how_many_are_asked_for(translation):
    assert avatars.people(translation, 40)[:15] == avatars.people(translation, 15)


@each_translation
def test_every_option_occurs(translation):
    everyone = [in_a for in_a, _ in avatars.people(translation, 1000)]
    for part, options in avatars.FACE_PARTS.items():
        assert {getattr(person, part) for person in everyone} == set(options)
    assert {p.hair for p in everyone} == {hair for hair, _ in avatars.TRANSLATIONS[translation]}


@each_translation
def test_hair_in_a_and_in_b_determine_each_other(translation):
    pairs = avatars.TRANSLATIONS[translation]
    assert len({in_a for in_a, _ in pairs}) == len({in_b for _, in_b in pairs}) == len(pairs)
    assert not {in_a for in_a, _ in pairs} & {in_b for _, in_b in pairs}


@each_translation
def test_a_person_in_a_and_in_b_differs_in_hair_only(translation):
    for in_a, in_b in avatars.people(translation, 50):
        assert dataclasses.replace(in_b, hair=in_a.hair) == in_a
        assert (in_a.hair, in_b.hair) in avatars.TRANSLATIONS[translation]


@pytest.mark.parametrize("part", avatars.FACE_PARTS)
def test_no_two_options_of_a_part_look_alike(part):
    options = avatars.FACE_PARTS[part]
    people = [dataclasses.replace(PERSON, **{part: option}) for option in options]
    assert len({avatars.draw(person, 64).tobytes() for person in people}) == len(options)


def test_blond2ginger_changes_pixels_of_the_hair_only():
    bald = avatars.draw(dataclasses.replace(PERSON, hair=avatars.Hair("NONE", "RED")), 64)
    for hair_a, hair_b in avatars.TRANSLATIONS["blond2ginger"]:
        blond, ginger = (
            avatars.draw(dataclasses.replace(PERSON, hair=hair), 64) for hair in (hair_a, hair_b)
        )
        changed = np.any(blond != ginger, axis=-1)
        hair = np.any(blond != bald, axis=-1) | np.any(ginger != bald, axis=-1)
        assert not np.any(changed & ~hair), hair_a
        # Hair is coloured as a whole, but for shadows that it throws.
        assert changed.sum() > 0.8 * hair.sum() > 40, hair_a


@each_translation
def test_prepared_pictures_are_those_people_in_that_order(
    translation, few_people, tmp_path, capsys
):
    builder = catalog.builtin_builder(f"avatars/{translation}", 64, str(tmp_path))
    catalog.prepare(builder)
    assert capsys.readouterr().out == ""
    people = avatars.people(translation, 8)
    expected = {
        "trainA": ([in_a for in_a, _ in people[:3]], 0),
        "trainB": ([in_b for _, in_b in people[3:6]], 1),
        "testA": ([in_a for in_a, _ in people[6:]], 0),
        "testB": ([in_b for _, in_b in people[6:]], 1),
    }
    assert set(builder.info.splits) == set(expected)
    for split, (persons, label) in expected.items():
        examples = list(tfds.as_numpy(builder.as_dataset(split=split)))
        assert [example["label"] for example in examples] == [label] * len(persons)
        for person, example in zip(persons, examples, strict=True):
            np.testing.assert_array_equal(example["image"], avatars.draw(person, 64))


@each_translation
def test_paired_pictures_are_every_training_person_in_both_domains(
    translation, few_people, tmp_path
):
    builder = catalog.builtin_builder(f"avatars/{translation}", 64, str(tmp_path), paired=True)
    catalog.prepare(builder)
    people = avatars.people(translation, 8)
    expected = {"train": people[:6], "test": people[6:]}
    assert set(builder.info.splits) == set(expected)
    for split, persons in expected.items():
        examples = tfds.as_numpy(builder.as_dataset(split=split))
        for (in_a, in_b), example in zip(persons, examples, strict=True):
            np.testing.assert_array_equal(example["a"], avatars.draw(in_a, 64))
            np.testing.assert_array_equal(example["b"], avatars.draw(in_b, 64))


def test_paired_and_unpaired_data_lie_apart(few_people, tmp_path):
    folders = {
        catalog.builtin_builder(name, 64, str(tmp_path), paired).data_path
        for name in ("avatars/blond2ginger", "earth/satellite2relief")
        for paired in (False, True)
    }
    assert len(folders) == 4


def test_two_processes_may_prepare_at_once(few_people, tmp_path, monkeypatch):
    first, second = (
        catalog.builtin_builder("avatars/blond2ginger", 64, str(tmp_path)) for _ in range(2)
    )
    late = catalog.builtin_builder("avatars/blond2ginger", 64, str(tmp_path))

    def draw_after_the_other_has_ended(person, size):
        monkeypatch.undo()
        monkeypatch.setattr(avatars, "TRAIN_PEOPLE", 3)
        catalog.prepare(first)
        return avatars.draw(person, size)

    monkeypatch.setattr(avatars, "draw", draw_after_the_other_has_ended)
    catalog.prepare(second)
    catalog.prepare(late)
    for builder in (first, second, late):
        assert len(list(builder.as_dataset(split="trainA"))) == 3


@pytest.mark.parametrize(
    ("load_size", "drawn"), [(32, 64), (64, 64), (65, 128), (128, 128), (286, 128)]
)
def test_avatars_are_drawn_at_the_smaller_size_that_is_enough(load_size, drawn, tmp_path):
    builder = catalog.builtin_builder("avatars/short2long", load_size, str(tmp_path))
    assert builder.info.features["image"].shape == (drawn, drawn, 3)


@pytest.mark.parametrize("name", catalog.BUILTIN_NAMES)
def test_every_builtin_name_has_a_builder(name, tmp_path):
    builder = catalog.builtin_builder(name, 128, str(tmp_path))
    assert builder.info.full_name.startswith(name)
    assert not builder.is_prepared()


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match=r"avatars/bald.*avatars/blond2ginger.*earth/satellite"):
        catalog.builtin_builder("avatars/bald", 64)


@pytest.mark.parametrize("package", ["python_avatars", "resvg_py"])
def test_a_missing_package_says_what_to_install(package, few_people, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    builder = catalog.builtin_builder("avatars/short2long", 64, str(tmp_path))
    with pytest.raises(UserError, match=rf"{package}.*cyclegan_tf\[demo-data\]"):
        catalog.prepare(builder)
    assert not builder.data_path.exists()


def test_people_with_parts_have_hair_of_all_types_and_colours():
    people = avatars.people("parts", 2 * avatars.TRAIN_PEOPLE + avatars.TEST_PEOPLE)
    assert all(in_a == in_b for in_a, in_b in people)
    hair = {(in_a.hair.hair_type, in_a.hair.hair_color) for in_a, _ in people}
    assert {kind for kind, _ in hair} == set(avatars.HAIR_TYPES)
    assert {color for _, color in hair} == set(avatars.HAIR_COLORS)


def test_prepared_parts_are_grey_levels_that_number_the_parts(few_people, tmp_path):
    builder = catalog.builtin_builder("avatars/parts", 64, str(tmp_path), paired=True)
    catalog.prepare(builder)
    assert builder.info.features["b"].shape == (64, 64, 1)
    examples = list(tfds.as_numpy(builder.as_dataset(split="train")))
    for (person, _), example in zip(avatars.people("parts", 6), examples, strict=True):
        np.testing.assert_array_equal(example["a"], avatars.draw(person, 64))
        np.testing.assert_array_equal(example["b"], avatars.draw_parts(person, 64))
    assert builder.info.splits["test"].num_examples == 2
