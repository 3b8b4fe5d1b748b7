"""Unpacking: pictures only, inside the folder only, and no more than allowed."""

import io
import random
import struct
import zipfile

import numpy as np
import pytest

from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import encode_png
from cyclegan_tf.preparation.archives import unpack

PNG = encode_png(np.zeros((4, 4, 3), np.uint8))
LIMITS = {"max_files": 100, "max_bytes": 10_000, "progress": False}


def archive(*entries, compression=zipfile.ZIP_STORED):
    """A zip file of (name or ZipInfo, content), with trainA and trainB first."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as opened:
        for name in ("set/trainA/1.png", "set/trainB/1.png"):
            opened.writestr(name, PNG)
        for entry, content in entries:
            opened.writestr(entry, content)
    file.seek(0)
    return file


def entry(name, mode=0o100644):
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def contents(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_pictures_are_unpacked_below_the_data_sets_folder(tmp_path):
    file = archive(
        *[(name, PNG) for name in ("set/testA/deep/2.JPG", "set/testB/1.png", "other/x.png")],
        *[(name, b"x") for name in ("set/README.txt", "set/trainA/run.sh", "set/trainA/")],
        *[(name, PNG) for name in ("__MACOSX/set/trainA/._1.png", "set/trainA/.hidden.png")],
    )
    assert unpack(file, tmp_path, **LIMITS) == 4
    assert contents(tmp_path) == {"trainA/1.png", "trainB/1.png", "testA/deep/2.JPG", "testB/1.png"}
    assert (tmp_path / "trainA/1.png").read_bytes() == PNG


@pytest.mark.parametrize(
    "name",
    [
        "../evil.png",
        "set/../../evil.png",
        "/tmp/evil.png",
        "set/trainA/../../../evil.png",
        "..\\evil.png",
        "C:/evil.png",
        "set\\trainA\\..\\..\\..\\evil.png",
    ],
)
def test_nothing_leads_outside(tmp_path, name):
    (tmp_path / "in").mkdir()
    with pytest.raises(UserError, match="unsafe: .*may point outside"):
        unpack(archive((name, PNG)), tmp_path / "in", **LIMITS)
    assert contents(tmp_path) == set()


@pytest.mark.parametrize("mode", [0o120777, 0o020666, 0o060666, 0o010644, 0o140777])
def test_links_and_devices_are_refused(tmp_path, mode):
    with pytest.raises(UserError, match="'set/trainA/x.png' is a link or a device"):
        unpack(archive((entry("set/trainA/x.png", mode), b"/etc/passwd")), tmp_path, **LIMITS)
    assert contents(tmp_path) == set()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["set/trainA/1.png", "set/traina/1.PNG", "set//trainA/./1.png"])
def test_an_entry_twice_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="duplicate entries: set/traina/1.png"):
        unpack(archive((name, PNG)), tmp_path, **LIMITS)


def test_the_number_of_entries_is_bounded(tmp_path):
    file = archive(*((f"set/trainA/{n}.txt", b"") for n in range(99)))
    with pytest.raises(UserError, match="101 entries, more than `max_files=100`"):
        unpack(file, tmp_path, **LIMITS)


def test_the_size_is_bounded_by_what_is_said(tmp_path):
    file = archive(("set/trainA/x.png", bytes(10_000)), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="GiB unpacked, more than `max_gb="):
        unpack(file, tmp_path, **LIMITS)
    assert contents(tmp_path) == set()


@pytest.mark.parametrize("claimed", [10, 0])
def test_an_archive_that_understates_its_size_is_refused(tmp_path, claimed):
    real = 5_000_000
    file = archive(("set/trainA/x.png", bytes(real)), compression=zipfile.ZIP_DEFLATED)
    raw = file.getvalue().replace(struct.pack("<I", real), struct.pack("<I", claimed))
    with pytest.raises(UserError, match="cannot unpack the zip file: Bad CRC"):
        unpack(io.BytesIO(raw), tmp_path, **LIMITS)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.png")) < 10_000


def test_entries_that_share_their_bytes_are_counted_as_what_they_become(tmp_path):
    """Overlapping entries make a small file large; each counts in full, or is refused."""
    file = archive()
    raw = file.getvalue()
    end = raw.rindex(b"PK\x05\x06")
    start = struct.unpack("<I", raw[end + 16 : end + 20])[0]
    first_size = 46 + len("set/trainA/1.png")
    first = raw[start : start + first_size]
    more = b"".join(first.replace(b"/1.png", b"/%c.png" % (65 + n)) for n in range(20))
    count = struct.pack("<HH", 22, 22)
    size = struct.pack("<I", end - start + len(more))
    changed = raw[:end] + more + raw[end : end + 8] + count + size + raw[end + 16 :]
    with pytest.raises(UserError):
        unpack(io.BytesIO(changed), tmp_path, **(LIMITS | {"max_bytes": 15 * len(PNG)}))


def test_damage_is_one_line(tmp_path):
    raw = archive(("set/trainA/x.png", random.Random(0).randbytes(2000))).getvalue()
    for number, damaged in enumerate(
        [
            b"",
            b"<html>not found</html>",
            raw[:1000],
            raw.replace(b"set/trainA/x", b"set/trainA/y", 1),
        ]
    ):
        (tmp_path / str(number)).mkdir()
        with pytest.raises(UserError, match="cannot unpack the zip file") as error:
            unpack(io.BytesIO(damaged), tmp_path / str(number), **LIMITS)
        assert "\n" not in str(error.value)


def test_random_damage_never_gives_more_than_a_refusal(tmp_path):
    raw = archive(("set/trainA/x.png", bytes(3000)), compression=zipfile.ZIP_DEFLATED).getvalue()
    rng = random.Random(0)
    for number in range(300):
        damaged = bytearray(raw)
        for _ in range(3):
            damaged[rng.randrange(len(raw))] = rng.randrange(256)
        folder = tmp_path / str(number) / "in"
        folder.mkdir(parents=True)
        try:
            unpack(io.BytesIO(bytes(damaged)), folder, **LIMITS)
        except UserError as error:
            assert "\n" not in str(error)
        assert [path.name for path in folder.parent.iterdir()] == ["in"]


def test_an_archive_without_a_data_set_is_refused(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr("pictures/1.png", PNG)
    with pytest.raises(UserError, match="it has no folder trainA or train"):
        unpack(file, tmp_path, **LIMITS)
