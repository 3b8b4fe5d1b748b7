"""Detectors: what opens, what is refused, and what OpenCV's own cascade really finds."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import read_image
from cyclegan_tf.preparation.detectors import open_detector

PORTRAIT = Path(matplotlib.get_data_path(), "sample_data/grace_hopper.jpg")


@pytest.fixture(scope="module")
def photo():
    pytest.importorskip("cv2", reason="finding faces needs opencv (extra prepare)")
    return open_detector("photo")


def test_the_face_of_a_portrait_is_found(photo):
    """Grace Hopper, 600 x 512 px; her eyes and mouth lie within these bounds."""
    (box,) = photo(read_image(PORTRAIT))
    assert box.left < 210 and box.left + box.width > 310
    assert box.top < 180 and box.top + box.height > 280
    assert 150 < box.width < 300


def test_where_there_is_no_face_none_is_found(photo):
    assert photo(np.full((200, 200, 3), 128, np.uint8)) == []
    assert photo(np.zeros((4, 4, 3), np.uint8)) == []


def test_threads_find_the_same(photo):
    picture = read_image(PORTRAIT)
    with ThreadPoolExecutor(4) as pool:
        assert len({tuple(boxes) for boxes in pool.map(photo, [picture] * 8)}) == 1


def test_another_cascade_is_opened_by_its_file(photo):
    import cv2

    file = Path(cv2.data.haarcascades, "haarcascade_frontalface_alt.xml")
    assert len(open_detector(str(file))(read_image(PORTRAIT))) == 1


def test_what_is_no_cascade_is_refused(photo, tmp_path):
    for text in ("<xml>", "", "<?xml version='1.0'?><opencv_storage></opencv_storage>"):
        (tmp_path / "x.xml").write_text(text)
        with pytest.raises(UserError, match="x.xml`: expected photo, anime, or the XML file"):
            open_detector(str(tmp_path / "x.xml"))
    with pytest.raises(UserError, match="`detector=nowhere`: expected photo"):
        open_detector("nowhere")


# What animeface asks of Pillow is there until Pillow 14, which is out of bounds.
@pytest.mark.filterwarnings("ignore:Image.Image.getdata is deprecated:DeprecationWarning")
def test_animeface_answers():
    pytest.importorskip("animeface", reason="needs animeface (extra prepare)")
    assert open_detector("anime")(np.full((200, 200, 3), 128, np.uint8)) == []


@pytest.mark.parametrize("name, package", [("photo", "cv2"), ("anime", "animeface")])
def test_a_missing_package_is_named(monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        UserError, match=rf"the package {package}.*pip install 'cyclegan_tf\[prepare\]'"
    ):
        open_detector(name)
