"""Which files of two folders belong together."""

import numpy as np
import pytest

from cyclegan_tf.data.folder_source import FolderSource, partners, some
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import read_image, write_image


def folder(path, names, level=0):
    for number, name in enumerate(names):
        write_image(path / name, np.full((4, 4, 3), level + number, np.uint8))
    return FolderSource(path, read_image)


def test_partners_have_the_same_name(tmp_path):
    a = folder(tmp_path / "a", ["2_A.png", "10_A.png", "sub/1_A.png"])
    b = folder(tmp_path / "b", ["sub/1_B.bmp", "10.bmp", "2_B.png"], level=100)
    kept_a, kept_b = partners(a, b)
    assert list(zip(kept_a.names, kept_b.names, strict=True)) == [
        ("10_A.png", "10.bmp"),
        ("2_A.png", "2_B.png"),
        ("sub/1_A.png", "sub/1_B.bmp"),
    ]
    assert [int(kept_a[i].max()) for i in range(3)] == [1, 0, 2]
    assert [int(kept_b[i].max()) for i in range(3)] == [101, 102, 100]


def test_what_cityscapes_puts_behind_a_name_does_not_count(tmp_path):
    a = folder(tmp_path / "a", ["ulm/ulm_1_leftImg8bit.png", "ulm/ulm_2_leftImg8bit.png"])
    b = folder(tmp_path / "b", ["ulm/ulm_2_gtFine_labelIds.png", "ulm/ulm_1_gtFine_labelIds.png"])
    kept_a, kept_b = partners(a, b)
    assert [name[:9] for name in kept_a.names] == [name[:9] for name in kept_b.names]
    assert len(kept_a) == 2


def test_those_without_a_partner_are_named_and_left_out(tmp_path, caplog):
    a = folder(tmp_path / "a", [f"{n}.png" for n in range(8)])
    b = folder(tmp_path / "b", [f"{n}.png" for n in range(2, 9)])
    kept_a, kept_b = partners(a, b)
    assert list(kept_a.names) == list(kept_b.names) == [f"{n}.png" for n in range(2, 8)]
    assert len(kept_a) == 6 and len(a) == 8
    assert f"{tmp_path}/a: 2 of 8 images have no partner in {tmp_path}/b" in caplog.text
    assert "skipped: 0.png; 1.png" in caplog.text
    assert f"{tmp_path}/b: 1 of 7" in caplog.text and "skipped: 8.png" in caplog.text


def test_of_several_with_one_name_the_first_has_the_partner(tmp_path, caplog):
    a = folder(tmp_path / "a", ["1.bmp", "1.png", "2.png", "3.png", "4.png"])
    b = folder(tmp_path / "b", ["1.png", "2.png", "3.png", "4.png"])
    kept_a, kept_b = partners(a, b)
    assert list(kept_a.names) == ["1.bmp", "2.png", "3.png", "4.png"]
    assert list(kept_b.names) == ["1.png", "2.png", "3.png", "4.png"]
    assert "skipped: 1.png" in caplog.text


@pytest.mark.parametrize(
    "names_a, names_b, says",
    [
        ("xyz", "123", "3 of the 3 images in .*/a have no partner in .*/b: x.png; y.png; z.png"),
        ("123", "1234567", "4 of the 7 images in .*/b .*: 4.png; 5.png; 6.png; 7.png"),
        ("1234", "12", "2 of the 4 images in .*/a"),
    ],
)
def test_too_many_without_a_partner_are_no_pairs(tmp_path, names_a, names_b, says):
    a = folder(tmp_path / "a", [f"{name}.png" for name in names_a])
    b = folder(tmp_path / "b", [f"{name}.png" for name in names_b])
    with pytest.raises(UserError, match=says):
        partners(a, b)


def test_a_message_names_twenty():
    assert some(["x", "y"]) == "x; y"
    assert some([str(n) for n in range(22)]).endswith("18; 19; and 2 more")
