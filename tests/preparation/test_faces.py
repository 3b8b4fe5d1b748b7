"""Cropping faces, by a detector that finds red squares."""

import json

import numpy as np
import pytest
from running import NO_PROCESS

from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import read_image, write_image
from cyclegan_tf.preparation.detectors import Box
from cyclegan_tf.preparation.faces import crop_faces, square
from cyclegan_tf.preparation.options import FaceOptions

OPTIONS = FaceOptions(detector="red", margin=0.25, min_size=20)
RED = (255, 0, 0)


def red(image):
    """Finds what is bounded by pure red, in each quarter of the picture."""
    boxes = []
    half_y, half_x = image.shape[0] // 2, image.shape[1] // 2
    for top in (0, half_y):
        for left in (0, half_x):
            part = image[top : top + half_y, left : left + half_x]
            rows, columns = np.nonzero((part == RED).all(-1))
            if len(rows):
                (y0, x0), (y1, x1) = (rows.min(), columns.min()), (rows.max(), columns.max())
                boxes.append(Box(int(x0 + left), int(y0 + top), int(x1 - x0 + 1), int(y1 - y0 + 1)))
    return boxes


def scene(path, *faces, seed=0, side=200):
    """Writes a picture with red frames around patterns of their own."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 200, (side, side, 3)).astype(np.uint8)
    for pattern, left, top, size in faces:
        inner = np.random.default_rng(pattern).integers(0, 200, (4, 4, 3)).astype(np.uint8)
        face = inner.repeat(size // 4, 0).repeat(size // 4, 1)
        face[[0, -1]] = RED
        face[:, [0, -1]] = RED
        image[top : top + size, left : left + size] = face
    write_image(path, image)


@pytest.fixture
def scenes(tmp_path):
    scene(tmp_path / "in/1.png", (1, 20, 30, 40), (2, 130, 120, 48))
    scene(tmp_path / "in/party/2.png", (3, 0, 0, 40), seed=1)
    scene(tmp_path / "in/3.png", seed=2)
    scene(tmp_path / "in/4.png", (4, 140, 40, 8), seed=3)
    (tmp_path / "in/5.png").write_bytes(b"<html>")
    return tmp_path / "in"


def crop(scenes, output, detect=red, options=OPTIONS):
    return crop_faces(scenes, output, detect, options, progress=False)


def lines(output):
    return [json.loads(line) for line in (output / "manifest.jsonl").read_text().splitlines()]


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.png")}


def test_faces_are_cropped_and_listed(scenes, tmp_path):
    found = crop(scenes, tmp_path / "out")
    assert found.counts == {"written": 3, "too small": 1}
    assert (found.pictures, found.without, found.skipped) == (5, ["3.png"], 0)
    assert "5.png" in found.failures["5.png"]
    assert {*contents(tmp_path / "out")} == {"1_png_0.png", "1_png_1.png", "party/2_png_0.png"}
    head, first, *_ = lines(tmp_path / "out")
    assert head["made_by"]["margin"] == 0.25 and head["made_by"]["detector"] == "red"
    assert first["source"] == "1.png"
    assert first["faces"] == [
        {"box": [20, 30, 40, 40], "crop": [10, 20, 60, 60], "output": "1_png_0.png"},
        {"box": [130, 120, 48, 48], "crop": [118, 108, 72, 72], "output": "1_png_1.png"},
    ]
    picture = read_image(scenes / "1.png")
    np.testing.assert_array_equal(read_image(tmp_path / "out/1_png_0.png"), picture[20:80, 10:70])


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(40, 30, 20, 20), Box(30, 20, 40, 40)),
        (Box(0, 0, 20, 20), Box(0, 0, 40, 40)),
        (Box(80, 60, 20, 20), Box(60, 40, 40, 40)),
        (Box(40, 30, 20, 10), Box(30, 15, 40, 40)),
        (Box(10, 0, 70, 70), Box(5, 0, 80, 80)),
    ],
)
def test_a_square_lies_around_the_face_and_in_the_picture(box, expected):
    assert square(box, 80, 100, 0.5) == expected


def test_a_run_that_was_stopped_goes_on_to_the_same_end(scenes, tmp_path):
    scene(scenes / "6.png", (1, 20, 30, 40))  # As in 1.png, whose background is the same.
    whole = crop(scenes, tmp_path / "whole")
    assert whole.counts["repeated"] == 1
    calls = []

    def stopped(image):
        calls.append(1)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return red(image)

    with pytest.raises(KeyboardInterrupt):
        crop(scenes, tmp_path / "parts", stopped)
    rest = crop(scenes, tmp_path / "parts")
    assert rest.skipped < 6
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")
    assert lines(tmp_path / "parts") == lines(tmp_path / "whole")


def test_what_is_done_is_not_looked_at_again(scenes, tmp_path):
    crop(scenes, tmp_path / "out")
    before = contents(tmp_path / "out")

    def never(image):
        raise AssertionError

    again = crop(scenes, tmp_path / "out", never)
    assert (again.skipped, again.pictures) == (4, 1)  # The damaged file is tried again.
    assert contents(tmp_path / "out") == before


def test_a_line_that_was_cut_off_is_done_again(scenes, tmp_path):
    crop(scenes, tmp_path / "out")
    whole = contents(tmp_path / "out"), lines(tmp_path / "out")
    (tmp_path / f"out/party/.2_png_0.png.{NO_PROCESS}.partial").write_bytes(b"x")
    list_ = tmp_path / "out/manifest.jsonl"
    list_.write_text(list_.read_text()[:-20])
    assert crop(scenes, tmp_path / "out").skipped < 5
    assert (contents(tmp_path / "out"), lines(tmp_path / "out")) == whole
    assert not [*tmp_path.rglob("*.partial")]


def test_crops_of_a_picture_that_changed_are_replaced(scenes, tmp_path):
    crop(scenes, tmp_path / "out")
    scene(scenes / "1.png", (1, 20, 30, 40), seed=9)
    crop(scenes, tmp_path / "out")
    assert {*contents(tmp_path / "out")} == {"1_png_0.png", "party/2_png_0.png"}


@pytest.mark.parametrize("duplicates, repeated", [("near", 2), ("same", 1), ("keep", 0)])
def test_repeated_faces_are_left_out(tmp_path, duplicates, repeated):
    options = FaceOptions(min_size=20, margin=0, duplicates=duplicates)
    scene(tmp_path / "in/1.png", (1, 20, 30, 40))
    scene(tmp_path / "in/2.png", (1, 120, 110, 40), seed=1)
    scene(tmp_path / "in/3.png", (1, 110, 120, 48), seed=2)  # The same face, larger.
    scene(tmp_path / "in/4.png", (2, 110, 120, 48), seed=2)
    found = crop(tmp_path / "in", tmp_path / "out", options=options)
    assert found.counts["repeated"] == repeated and found.counts["written"] == 4 - repeated
    likes = [face.get("like") for line in lines(tmp_path / "out")[1:] for face in line["faces"]]
    assert likes.count("1_png_0.png") == repeated


def test_mistakes_are_named(scenes, tmp_path):
    crop(scenes, tmp_path / "out")
    with pytest.raises(UserError, match="crops made with other settings: margin 0.25, not"):
        crop(scenes, tmp_path / "out", options=FaceOptions(detector="red"))
    with pytest.raises(UserError, match="must not be inside the folder of images"):
        crop(scenes, scenes / "faces")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no images"):
        crop(tmp_path / "empty", tmp_path / "new")
