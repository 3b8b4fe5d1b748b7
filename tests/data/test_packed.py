"""Packed folders: what was in the files, by name, or an error that names it."""

import json

import numpy as np
import pytest

from cyclegan_tf.data.folder_source import FolderSource, partners
from cyclegan_tf.data.packed import Index, PackedFiles, checksum
from cyclegan_tf.data.picture_files import has_folder, open_folder
from cyclegan_tf.data.shards import ShardWriter
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import UnreadableImageError, encode_png, read_image, read_labels

pytest.importorskip("array_record", reason="packing needs array_record (Linux, macOS on ARM)")

NAMES = ["10.png", "2.png", "sub/ä 1.png"]
CONTENTS = [encode_png(np.full((4, 5, 3), 10 * level, np.uint8)) for level in range(3)]


def put(folder, names=NAMES, unreadable=None):
    with ShardWriter(folder.parent, folder.name, 100) as writer:
        for content in CONTENTS:
            writer.add(content)
    sums = {name: checksum(name, data) for name, data in zip(names, CONTENTS, strict=True)}
    Index(writer.shards, sums, unreadable or {}).write(folder)
    return folder


@pytest.fixture
def folder(tmp_path):
    return put(tmp_path / "trainA", unreadable={"11.png": "not a picture"})


def test_it_is_read_as_a_folder_is(folder):
    assert has_folder(folder) and not has_folder(folder.parent / "trainB")
    source = FolderSource(folder, read_image)
    assert list(source.names) == ["10.png", "11.png", "2.png", "sub/ä 1.png"]
    assert [int(source[number].max()) for number in (3, 0, 2)] == [20, 0, 10]
    assert open_folder(folder).encoded("2.png") == CONTENTS[1]
    with pytest.raises(
        UnreadableImageError, match="trainA/11.png: skipped when packed: not a picture"
    ):
        source[1]


def test_a_folder_itself_comes_before_a_packed_one(folder):
    folder.mkdir()
    (folder / "3.png").write_bytes(CONTENTS[0])
    assert open_folder(folder).names == ["3.png"]


def test_pairs_go_by_names(folder, caplog):
    (folder.parent / "other").mkdir()
    for name in ("2_B.png", "10_B.png", "11_B.png"):
        (folder.parent / "other" / name).write_bytes(CONTENTS[2])
    a, b = partners(
        FolderSource(folder, read_image), FolderSource(folder.parent / "other", read_image)
    )
    assert list(a.names) == ["10.png", "11.png", "2.png"]
    assert list(b.names) == ["10_B.png", "11_B.png", "2_B.png"]
    assert int(a[2].max()) == 10
    assert "skipped: sub/ä 1.png" in caplog.text


def test_a_picture_of_another_kind_is_named(folder):
    source = FolderSource(folder, read_labels)
    with pytest.raises(
        UnreadableImageError, match="trainA/10.png: .*a label map must be 8-bit grey"
    ):
        source[0]


def test_exchanged_and_renamed_pictures_are_named(folder):
    first, second = (folder.parent / f"trainA-0000{n}.array_record" for n in (0, 1))
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    with pytest.raises(UserError, match=f"{first} is damaged at 10.png; copy or pack"):
        PackedFiles(folder).encoded("10.png")
    put(folder)
    index = folder.parent / "trainA.packed.json"
    index.write_text(index.read_text().replace('"2.png"', '"3.png"'))
    files = PackedFiles(folder)
    assert files.encoded("10.png") == CONTENTS[0]
    with pytest.raises(UserError, match=f"{second} is damaged at 3.png"):
        files.encoded("3.png")


def test_a_flipped_byte_in_a_picture_is_named(folder):
    path = folder.parent / "trainA-00002.array_record"
    whole = path.read_bytes()
    place = whole.index(CONTENTS[2]) + 40
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(
        UserError, match=f"{path} is damaged at sub/ä 1.png; .*hash mismatch"
    ) as error:
        PackedFiles(folder).encoded("sub/ä 1.png")
    # Damaged files of a folder may be passed over; pictures that were good when packed may not.
    assert not isinstance(error.value, UnreadableImageError)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-20],
        lambda text: "[]",
        lambda text: json.dumps({**json.loads(text), "format": "another"}),
        lambda text: json.dumps({**json.loads(text), "pictures": {}}),
        lambda text: json.dumps({**json.loads(text), "shards": [{"file": "x"}]}),
    ],
)
def test_a_damaged_index_is_named(folder, change):
    index = folder.parent / "trainA.packed.json"
    index.write_text(change(index.read_text()))
    with pytest.raises(UserError, match=f"{index} is damaged or not an index of packed images"):
        open_folder(folder)
