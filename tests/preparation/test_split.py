"""Splitting: who goes where, and what never is on two sides."""

import shutil

import numpy as np
import pytest

from cyclegan_tf.data.sources import open_sources
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import read_image, write_image
from cyclegan_tf.preparation.attributes import open_table
from cyclegan_tf.preparation.check import check, domain_folders
from cyclegan_tf.preparation.options import SplitOptions
from cyclegan_tf.preparation.split import split_collection

BLOND = SplitOptions("hair", "blond,red", test_fraction=0.25)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """40 pictures and a table: hair blond, red or black; every second with glasses."""
    root = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    lines = ["file,hair,glasses"]
    for number in range(40):
        name = f"{'deep/' if number % 3 else ''}{number:02d}.png"
        write_image(root / "pictures" / name, rng.integers(0, 256, (9, 8, 3)).astype(np.uint8))
        hair = ("blond", "red", "blond", "red", "black")[number % 5]
        lines.append(f"{name},{hair},{number % 2}")
    (root / "table.csv").write_text("\n".join(lines) + "\n")
    return root


def split(people, output, options=BLOND):
    collection = open_table(people / "pictures", people / "table.csv")
    return split_collection(collection, output, options, progress=False)


def names(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*.png")}


def expected(people, **wanted):
    lines = [line.split(",") for line in (people / "table.csv").read_text().splitlines()]
    head = lines[0]
    rows = [dict(zip(head, line, strict=True)) for line in lines[1:]]
    return {row["file"] for row in rows if wanted.items() <= row.items()}


def test_every_picture_of_a_value_is_on_one_side(people, tmp_path):
    done = split(people, tmp_path / "out")
    assert done.counts == {"trainA": 12, "testA": 4, "trainB": 12, "testB": 4}
    for domain, hair in (("A", "blond"), ("B", "red")):
        train, test = (names(tmp_path / f"out/{side}{domain}") for side in ("train", "test"))
        assert train | test == expected(people, hair=hair) and not train & test
    for path in (tmp_path / "out").rglob("*.png"):
        name = path.relative_to(tmp_path / "out").as_posix().split("/", 1)[1]
        assert path.read_bytes() == (people / "pictures" / name).read_bytes()
    assert {p.name for p in (tmp_path / "out").iterdir()} == {*done.counts}
    assert len(open_sources(str(tmp_path / "out")).a) == 12


def test_further_conditions_hold(people, tmp_path):
    options = SplitOptions("hair", "blond,red", "glasses=no", test_fraction=0)
    assert split(people, tmp_path / "out", options).counts == {"trainA": 8, "trainB": 8}
    wanted = expected(people, hair="blond", glasses="0")
    assert names(tmp_path / "out/trainA") == wanted


def test_the_seed_decides_and_nothing_else(people, tmp_path):
    tests = []
    for number, seed in enumerate((0, 0, 1)):
        split(people, tmp_path / str(number), SplitOptions("hair", "blond,red", seed=seed))
        tests.append(names(tmp_path / str(number)))
    assert tests[0] == tests[1] != tests[2]


def test_copies_of_a_picture_are_on_one_side(people, tmp_path):
    shutil.copytree(people, tmp_path / "people")
    lines = (people / "table.csv").read_text()
    for name in sorted(expected(people, hair="blond")):
        copy = name.replace(".png", "_copy.bmp")
        write_image(tmp_path / "people/pictures" / copy, read_image(people / "pictures" / name))
        lines += f"{copy},blond,0\n"
    (tmp_path / "people/table.csv").write_text(lines)
    done = split(tmp_path / "people", tmp_path / "out")
    assert done.counts == {"trainA": 24, "testA": 8, "trainB": 12, "testB": 4}
    assert check(domain_folders(tmp_path / "out"), 8, progress=False).errors == []


def test_a_picture_in_both_domains_is_left_out(people, tmp_path):
    shutil.copytree(people, tmp_path / "people")
    first = sorted(expected(people, hair="blond"))[0]
    shutil.copy(people / "pictures" / first, tmp_path / "people/pictures/again.png")
    with (tmp_path / "people/table.csv").open("a") as table:
        table.write("again.png,red,0\n")
    done = split(tmp_path / "people", tmp_path / "out")
    assert {*done.contradictory} == {first, "again.png"}
    assert done.counts == {"trainA": 11, "testA": 4, "trainB": 12, "testB": 4}


def test_damaged_pictures_are_named_and_bounded(people, tmp_path):
    shutil.copytree(people, tmp_path / "people")
    blond = sorted(expected(people, hair="blond"))
    for name in blond[:8]:
        (tmp_path / "people/pictures" / name).write_bytes(b"<html>")
    done = split(tmp_path / "people", tmp_path / "out")
    assert sorted(reason.split(":")[0] for reason in done.unreadable) == blond[:8]
    assert done.counts["trainA"] + done.counts["testA"] == 8
    (tmp_path / "people/pictures" / blond[8]).write_bytes(b"<html>")
    with pytest.raises(UserError, match="too many images are unreadable, 9 of 32"):
        split(tmp_path / "people", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_only_the_first_are_taken_if_so_many_are_wanted(people, tmp_path):
    options = SplitOptions("hair", "blond,red", max_images=5, test_fraction=0)
    assert split(people, tmp_path / "out", options).counts == {"trainA": 5, "trainB": 5}
    lines = (people / "table.csv").read_text().splitlines()
    first = [line.split(",")[0] for line in lines if ",blond," in line][:5]
    assert names(tmp_path / "out/trainA") == {*first}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SplitOptions("beard"), "unknown attribute beard; choose one of: hair, glasses"),
        (SplitOptions("glasses", where="age=3"), "unknown attribute age"),
        (SplitOptions("hair", "blond,green"), "testB|trainB would be empty: of 0 images"),
        (SplitOptions("hair", "blond,red", test_fraction=0.01), "testA would be empty"),
    ],
    ids=str,
)
def test_mistakes_are_named_and_leave_nothing(people, tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        split(people, tmp_path / "out", options)
    assert list(tmp_path.iterdir()) == []
