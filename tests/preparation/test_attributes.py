"""Pictures with attributes, from a table and from TFDS."""

import io

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from cyclegan_tf.data import tfds_source
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import read_image, write_image
from cyclegan_tf.preparation.attributes import open_collection, open_table


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(["a.png", "b.png", "deep/c.png"]):
        write_image(tmp_path / "pictures" / name, np.full((8, 8, 3), number, np.uint8))
    return tmp_path / "pictures"


def table(tmp_path, text):
    (tmp_path / "table.csv").write_text(text)
    return tmp_path / "table.csv"


def test_a_table_describes_pictures(folder, tmp_path):
    file = table(tmp_path, "file, hair,Male\ndeep/c.png,blond,true\na.png, red,-1\n\n")
    collection = open_table(folder, file)
    assert (collection.attributes, collection.count) == (["hair", "Male"], 2)
    one, other = collection.pictures
    assert (one.name, one.attributes) == ("deep/c.png", {"hair": "blond", "Male": "1"})
    assert (other.name, other.attributes) == ("a.png", {"hair": "red", "Male": "0"})
    assert read_image(one.read_bytes()).max() == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a table"),
        ("file,x\nz.png,1\n", "1 of 1 images are not in .* the first is z.png"),
        ("file,x\n../pictures/a.png,1\n", "1 of 1 images are not in"),
        ("file,x\na.png,1\na.png,0\n", "more than one row for an image"),
        ("file,x\na.png,1,2\n", "a.png has 3 columns, the header 2"),
    ],
)
def test_a_wrong_table_is_refused(folder, tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        open_table(folder, table(tmp_path, text))


def test_a_table_goes_with_a_folder_and_only_with_it(folder):
    for arguments in ((str(folder), ""), ("tfds:celeb_a", "table.csv")):
        with pytest.raises(UserError, match="a folder requires `attributes=FILE.csv`"):
            open_collection(*arguments)


def test_celeb_a_gives_stored_pictures_with_their_attributes(monkeypatch):
    monkeypatch.setattr(tfds_source, "is_reachable", lambda url: True)
    with tfds.testing.mock_data(num_examples=12):
        collection = open_collection("tfds:celeb_a")
        pictures = list(collection.pictures)
    assert {"Blond_Hair", "Male", "Eyeglasses"} <= {*collection.attributes}
    assert len(collection.attributes) > 40
    assert len(pictures) == 12
    assert len({picture.name for picture in pictures}) == len(pictures)
    assert {picture.attributes["Male"] for picture in pictures} == {"0", "1"}
    for picture in pictures:
        with Image.open(io.BytesIO(picture.read_bytes())) as image:
            assert image.size == (178, 218)
            assert picture.name.endswith({"JPEG": ".jpg", "PNG": ".png"}[image.format])
