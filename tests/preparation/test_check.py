"""What a check finds in data sets whose faults are known."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.data.sources import open_sources
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import read_image, write_image
from cyclegan_tf.preparation.check import check, default_output, domain_folders
from cyclegan_tf.preparation.check_report import table, write_report


def put(folder, count, seed, size=(40, 36)):
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for number in range(count):
        coarse = rng.integers(0, 256, (6, 5, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize(size).save(folder / f"{number:02d}.png")


@pytest.fixture
def data(tmp_path):
    for seed, (name, count) in enumerate(
        [("trainA", 8), ("trainB", 9), ("testA", 3), ("testB", 3)]
    ):
        put(tmp_path / "data" / name, count, seed)
    return tmp_path / "data"


def checked(data, crop_size=32):
    return check(domain_folders(data), crop_size, progress=False)


def test_clean_data_gives_no_finding(data):
    found = checked(data)
    assert (found.errors, found.warnings, found.same, found.near) == ([], [], [], [])
    facts = found.facts()["domains"]
    assert {name: domain["pictures"] for name, domain in facts.items()} == {
        **{"trainA": 8, "trainB": 9},
        **{"testA": 3, "testB": 3},
    }
    assert facts["trainA"]["height"] == {"minimum": 36, "median": 36, "maximum": 36}
    assert facts["trainA"]["modes"] == {"RGB": 8}
    assert "no problems found" in table(found)


def test_an_empty_domain_is_an_error(data):
    shutil.rmtree(data / "trainB")
    (error,) = checked(data).errors
    assert error.startswith("trainB: no readable image")


def test_a_half_of_the_test_is_an_error(data):
    shutil.rmtree(data / "testB")
    (error,) = checked(data).errors
    assert error.startswith("testB: no readable image")


@pytest.mark.parametrize("count, is_error", [(2, False), (3, True)])
def test_damaged_files_are_named_and_bounded_as_training_bounds_them(data, count, is_error):
    for number in range(count):
        path = data / f"trainA/{number:02d}.png"
        path.write_bytes(path.read_bytes()[:200])
    found = checked(data)
    (text,) = found.errors if is_error else found.warnings
    assert f"{count} " in text and "00.png; 01.png" in text
    assert bool(found.errors) is is_error
    assert len(found.facts()["domains"]["trainA"]["unreadable"]) == count
    assert open_sources(str(data)) is not None


def test_the_same_pixels_in_training_and_test_are_an_error(data):
    write_image(data / "testB/copy.bmp", read_image(data / "trainA/03.png"))
    found = checked(data)
    (error,) = found.errors
    assert "1 images are in both training and test" in error
    assert "trainA/03.png; testB/copy.bmp" in error
    assert found.facts()["same"] == [["trainA/03.png", "testB/copy.bmp"]]
    assert found.facts()["same_bytes"] == []


def test_the_same_bytes_are_told_apart(data):
    shutil.copy(data / "trainA/03.png", data / "trainA/again.png")
    found = checked(data)
    assert found.facts()["same_bytes"] == [["trainA/03.png", "trainA/again.png"]]
    assert found.warnings == ["trainA: 1 images are exact duplicates of others"]


def test_what_looks_the_same_in_training_and_test_is_a_warning(data):
    Image.open(data / "trainA/05.png").save(data / "testA/again.jpg", quality=60)
    found = checked(data)
    assert found.errors == []
    assert found.near == [(("trainA", "05.png"), ("testA", "again.jpg"))]
    (warning,) = found.warnings
    assert "trainA/05.png and testA/again.jpg" in warning


def test_likeness_between_the_domains_may_be_wanted_and_sameness_not(data):
    Image.open(data / "trainA/05.png").save(data / "trainB/like.jpg", quality=60)
    assert checked(data).warnings == []
    (data / "trainB/like.jpg").unlink()
    shutil.copy(data / "trainA/05.png", data / "trainB/same.png")
    (warning,) = checked(data).warnings
    assert warning == "1 images are in both A and B: trainA/05.png"


def test_grey_and_small_pictures_are_warnings(data):
    Image.open(data / "trainA/05.png").convert("L").save(data / "trainA/05.png")
    grey, small, *_ = checked(data, crop_size=38).warnings
    assert grey == "trainA: 1 grey images among coloured ones: 05.png"
    assert small.startswith("trainA: 8 of 8 images have a side below --crop_size=38")


def test_domains_of_grey_pictures_alone_are_fine(data):
    for path in (data / "trainA").iterdir():
        Image.open(path).convert("L").save(path)
    assert checked(data).warnings == []


def test_imbalance_is_a_warning(tmp_path):
    put(tmp_path / "a", 2, 0)
    put(tmp_path / "b", 21, 1, size=(100, 100))
    found = check(domain_folders(tmp_path / "a", tmp_path / "b"), 32, progress=False)
    counts, sizes = found.warnings
    assert "2 and 21 images" in counts and "10 times as often" in counts
    assert "shorter sides of 36 and 100 px" in sizes


def test_one_folder_is_one_domain(tmp_path):
    put(tmp_path / "only", 3, 0)
    assert domain_folders(tmp_path / "only") == {"trainA": tmp_path / "only"}


def test_mistakes_are_named(data, tmp_path):
    with pytest.raises(UserError, match="nowhere is not a folder"):
        domain_folders(tmp_path / "nowhere")
    with pytest.raises(UserError, match="holds both domains already"):
        domain_folders(data, data / "trainA")


def test_the_report_shows_the_domains_and_the_duplicates(data, tmp_path):
    shutil.copy(data / "trainA/03.png", data / "testA/again.png")
    folder = tmp_path / "report"
    names = {"report.json", "contact_sheet.png", "duplicates.png"}
    assert {path.name for path in write_report(folder, checked(data))} == names
    assert json.loads((folder / "report.json").read_text()) == checked(data).facts()
    sheet = read_image(folder / "contact_sheet.png")
    assert sheet.shape[0] > 4 * 96 and sheet.shape[1] > 8 * 96
    (data / "testA/again.png").unlink()
    write_report(folder, checked(data))
    assert not (folder / "duplicates.png").exists()


def test_a_report_goes_beside_the_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given in ("data", "data/", "./data"):
        assert default_output(tmp_path / given) == tmp_path / "data_check"
