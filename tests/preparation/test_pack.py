"""Packing: training cannot tell the difference."""

import shutil

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.data.domain import Domain
from cyclegan_tf.data.geometry import Geometry
from cyclegan_tf.data.picture_files import open_folder
from cyclegan_tf.data.pipeline import keep_pairs, paired_dataset, unpaired_dataset
from cyclegan_tf.data.sources import open_sources
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import encode_png, read_labels, write_image
from cyclegan_tf.preparation.check import check, domain_folders
from cyclegan_tf.preparation.check_report import write_report
from cyclegan_tf.preparation.options import PackOptions
from cyclegan_tf.preparation.pack import pack

pytest.importorskip("array_record", reason="packing needs array_record (Linux, macOS on ARM)")

GEOMETRY = Geometry(load_size=12, crop_size=8)
OPTIONS = {"geometry": GEOMETRY, "augment": ("flip", "crop"), "batch_size": 2, "seed": 3}


def packed(data, output):
    return pack(data, output, PackOptions(), progress=False)


@pytest.fixture
def damaged(picture_folders, tmp_path):
    """The shared folders, and one file that is no picture in trainA and in testB."""
    data = shutil.copytree(picture_folders, tmp_path / "data")
    for domain in ("testA", "testB"):
        for number in range(5):
            shutil.copy(data / domain / "00.png", data / domain / f"{number}.png")
    (data / "trainA/03.png").write_bytes(b"<html>")
    (data / "testB/1.png").write_bytes((data / "testB/1.png").read_bytes()[:99])
    return data


def domains(data, split="train", **options):
    sources = open_sources(str(data), split=split, **options)
    a, b = (
        Domain.load(source, GEOMETRY, cache_gb=0, name=split, progress=False)
        for source in sources[:2]
    )
    return (*keep_pairs(a, b), True) if sources.aligned else (a, b, False)


def same(ours, theirs):
    pairs = list(zip(ours, theirs, strict=True))
    return bool(pairs) and all(
        np.array_equal(one, other) for pair in pairs for one, other in zip(*pair, strict=True)
    )


def test_every_file_comes_back_to_the_byte(tmp_path):
    rng = np.random.default_rng(0)
    contents = {}
    for number, name in enumerate(["b.jpg", "a/ö.png", "a.webp", "z.bmp", "c.gif", "d.TIFF"]):
        path = tmp_path / "data/trainA" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (9 + number, 8, 3)).astype(np.uint8)).save(path)
        contents[name] = path.read_bytes()
    (tmp_path / "data/trainA/readme.txt").write_text("x")
    done = packed(tmp_path / "data", tmp_path / "out")
    assert (done.counts, done.unreadable, done.shards) == ({"trainA": 6}, [], 1)
    files = open_folder(tmp_path / "out/trainA")
    assert {name: files.encoded(name) for name in files.names} == contents
    # Packed again, also of what is packed, it is the same to the byte.
    packed(tmp_path / "out", tmp_path / "again")
    for path in (tmp_path / "out").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_label_maps_stay_exact(tmp_path):
    numbers = np.random.default_rng(0).integers(0, 9, (6, 7)).astype(np.uint8)
    palette = Image.fromarray(numbers)
    palette.putpalette(list(range(255, -1, -1)) * 3)  # Which makes it a picture with a palette.
    (tmp_path / "data/trainB").mkdir(parents=True)
    palette.save(tmp_path / "data/trainB/palette.png")
    write_image(tmp_path / "data/trainB/grey.png", numbers[..., np.newaxis])
    packed(tmp_path / "data", tmp_path / "out")
    files = open_folder(tmp_path / "out/trainB")
    for name in ("palette.png", "grey.png"):
        assert np.array_equal(read_labels(files.encoded(name), classes=9)[..., 0], numbers)


def test_training_gets_the_same_batches(damaged, tmp_path):
    done = packed(damaged, tmp_path / "out")
    assert done.counts == {"trainA": 5, "trainB": 9, "testA": 8, "testB": 7}
    assert [reason.split(":")[0] for reason in done.unreadable] == ["trainA/03.png", "testB/1.png"]
    streams = []
    for data in (damaged, tmp_path / "out"):
        a, b, aligned = domains(data)
        assert not aligned
        streams.append(unpaired_dataset(a, b, start_step=3, stop_step=12, **OPTIONS))
    assert same(*streams)


def test_test_pairs_stay_aligned_where_one_is_damaged(damaged, tmp_path):
    packed(damaged, tmp_path / "out")
    (*ours, is_aligned), (*theirs, _) = domains(tmp_path / "out", "test"), domains(damaged, "test")
    assert is_aligned and len(ours[0]) == len(ours[1]) == 7
    for one, other in zip(ours, theirs, strict=True):
        assert one.names == other.names
        assert all(np.array_equal(one[number], other[number]) for number in range(7))


def test_pairs_side_by_side_are_packed(tmp_path):
    rng = np.random.default_rng(0)
    for folder, count in (("train", 5), ("val", 3)):
        for number in range(count):
            picture = rng.integers(0, 256, (8, 20, 3)).astype(np.uint8)
            write_image(tmp_path / f"data/{folder}/{number}.png", picture)
    assert packed(tmp_path / "data", tmp_path / "out").counts == {"train": 5, "val": 3}
    streams = [
        paired_dataset(*domains(data, paired=True)[:2], stop_step=5, **OPTIONS)
        for data in (tmp_path / "data", tmp_path / "out")
    ]
    assert same(*streams)
    assert len(domains(tmp_path / "out", "test", paired=True)[0]) == 3
    with pytest.raises(UserError, match="out/train without trainA and trainB looks like aligned"):
        open_sources(str(tmp_path / "out"))


def test_a_packed_set_is_checked_like_its_folders(damaged, tmp_path):
    shutil.copy(damaged / "trainB/00.png", damaged / "testB/leak.png")
    packed(damaged, tmp_path / "out")
    found, expected = (
        check(domain_folders(data), crop_size=32, progress=False)
        for data in (tmp_path / "out", damaged)
    )
    assert (found.errors, found.same, found.near) == (expected.errors, expected.same, expected.near)
    assert any("in both training and test" in error for error in found.errors)
    assert [*found.domains["trainA"].unreadable] == ["03.png"]
    for facts in (ours := found.facts()["domains"]), (theirs := expected.facts()["domains"]):
        for domain in facts.values():
            del domain["folder"], domain["unreadable"]
    assert ours == theirs
    names = {path.name for path in write_report(tmp_path / "report", found)}
    assert names == {"report.json", "contact_sheet.png", "duplicates.png"}


def test_too_many_unreadable_pictures_leave_nothing(damaged, tmp_path):
    (damaged / "trainA/05.png").write_bytes(b"")
    with pytest.raises(
        UserError, match="trainA: too many of the 6 .*already 2: 03.png: image of 6 bytes"
    ):
        packed(damaged, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_what_cannot_be_packed_is_named(picture_folders, tmp_path):
    with pytest.raises(UserError, match="trainA holds none of the folders trainA, trainB"):
        packed(picture_folders / "trainA", tmp_path / "out")
    (tmp_path / "data/trainA").mkdir(parents=True)
    (tmp_path / "data/trainA/x.txt").touch()
    with pytest.raises(UserError, match=r"trainA holds no images \(1 other files\)"):
        packed(tmp_path / "data", tmp_path / "out")
    with pytest.raises(UserError, match="already exists"):
        packed(picture_folders, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_large_data_comes_to_several_files(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(5):
        path = tmp_path / f"data/trainA/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(rng.integers(0, 256, (400, 400, 3)).astype(np.uint8)))  # 481 kB
    done = pack(tmp_path / "data", tmp_path / "out", PackOptions(shard_mb=1), progress=False)
    assert (done.counts, done.shards) == ({"trainA": 5}, 3)
    sizes = [path.stat().st_size for path in (tmp_path / "out").glob("*.array_record")]
    assert len(sizes) == 3 and max(sizes) < 1.2 * 2**20
