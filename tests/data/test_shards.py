"""Records: the same ones back, or an error, whatever happens to the files."""

import random
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from cyclegan_tf.data.shards import Records, ShardWriter
from cyclegan_tf.errors import UserError

pytest.importorskip("array_record", reason="packing needs array_record (Linux, macOS on ARM)")

DRAWN = random.Random(0)
RECORDS = [DRAWN.randbytes(size) for size in (300, 200, 1500, 100, 0, 900, 101, 700, 300, 1)]


def write(folder, records=RECORDS, max_bytes=1000):
    with ShardWriter(folder, "x", max_bytes) as writer:
        for record in records:
            writer.add(record)
    return writer.shards


def test_shards_are_bounded_and_read_by_number(tmp_path):
    shards = write(tmp_path)
    # By adding up: 300 + 200, too much for the next; 1500 alone; 100 + 0 + 900; 101 + 700; 300 + 1.
    assert [shard.records for shard in shards] == [2, 1, 3, 2, 2]
    assert [shard.file for shard in shards] == [f"x-{n:05d}.array_record" for n in range(5)]
    assert {path.name for path in tmp_path.iterdir()} == {shard.file for shard in shards}
    records = Records(tmp_path, shards)
    order = DRAWN.sample(range(10), 10)
    assert [records[number] for number in order] == [RECORDS[number] for number in order]
    assert [records.path(number).name[6] for number in range(10)] == [*"0012223344"]


def test_threads_read_at_once(tmp_path):
    records = Records(tmp_path, write(tmp_path))
    order = DRAWN.choices(range(10), k=2000)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(records.__getitem__, order)) == [RECORDS[number] for number in order]


def test_a_flipped_byte_never_gives_another_record(tmp_path):
    shards = write(tmp_path, max_bytes=10**6)
    path = tmp_path / shards[0].file
    whole, refused = path.read_bytes(), 0
    used = max(whole.find(record) + len(record) for record in RECORDS)
    for place in [*DRAWN.sample(range(used), 60), *DRAWN.sample(range(used, len(whole)), 20)]:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        records = Records(tmp_path, shards)
        for number, record in enumerate(RECORDS):
            try:
                assert records[number] == record
            except RuntimeError:
                refused += 1
    assert refused > 50  # What is between and behind the records is mostly padding.


def test_a_file_that_is_cut_off_or_missing_is_named(tmp_path):
    shards = write(tmp_path)
    path = tmp_path / shards[2].file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=f"{path} has 131071 bytes, expected 131072"):
        Records(tmp_path, shards)
    path.unlink()
    with pytest.raises(UserError, match=f"{path} is missing"):
        Records(tmp_path, shards)


def test_a_full_disk_is_one_line(tmp_path):
    (tmp_path / "x-00000.array_record").symlink_to("/dev/full")
    with pytest.raises(
        OSError, match="^cannot write .*x-00000.array_record: .*No space left"
    ) as error:
        write(tmp_path, [bytes(1_000_000)], 10**9)
    assert "\n" not in str(error.value)


def test_without_the_package_it_says_what_to_do(tmp_path, monkeypatch):
    shards = write(tmp_path)
    for module in ("array_record_module", "array_record_data_source"):
        monkeypatch.setitem(sys.modules, f"array_record.python.{module}", None)
    for use in (lambda: Records(tmp_path, shards), lambda: ShardWriter(tmp_path, "y", 1)):
        with pytest.raises(UserError, match="need the package array_record, .*pip install"):
            use()
