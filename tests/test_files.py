"""Files and folders appear whole or not at all."""

import errno
import os
from pathlib import Path

import filelock
import pytest
from running import NO_PROCESS, filled

from cyclegan_tf.errors import UserError
from cyclegan_tf.files import new_folder, only_process, remove_partial_files, write_atomically


def test_text_and_bytes_are_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_atomically(path, "é")
    assert path.read_bytes() == b"\xc3\xa9"
    write_atomically(path, b"\x00")
    assert path.read_bytes() == b"\x00"
    assert list(path.parent.iterdir()) == [path]


def test_what_lay_there_stays_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")

    def full(self: Path, data: bytes) -> int:
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_with_the_file_and_leaves_it(small_disk: Path) -> None:
    path = small_disk / "deep" / "file"
    write_atomically(path, "old")
    with filled(small_disk), pytest.raises(OSError, match="No space left.*/deep/file'"):
        write_atomically(path, b"new" * 10_000)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]
    write_atomically(path, b"new" * 10_000)


def test_partial_files_are_removed_and_others_are_not(tmp_path: Path) -> None:
    deep = f".a.png.{NO_PROCESS}.partial"
    for name in (f"deep/{deep}", f".b.png.{NO_PROCESS}.partial", "a.partial", ".hidden", "a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def left() -> set[str]:
        return {path.name for path in tmp_path.rglob("*") if path.is_file()}

    remove_partial_files(tmp_path, nested=False)
    assert left() == {deep, "a.partial", ".hidden", "a.png"}
    remove_partial_files(tmp_path)
    assert left() == {"a.partial", ".hidden", "a.png"}


def test_what_a_living_process_writes_stays(tmp_path: Path) -> None:
    for number in (1, os.getpid(), os.getppid(), NO_PROCESS, 10**30):
        (tmp_path / f".a.{number}.partial").touch()
    remove_partial_files(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {f".a.{number}.partial" for number in (1, os.getpid(), os.getppid())}


def test_a_folder_that_is_half_made_is_no_partial_file(tmp_path: Path) -> None:
    with new_folder(tmp_path / "new") as partial:
        remove_partial_files(tmp_path)
        assert partial.is_dir()


def test_a_folder_appears_at_the_end_and_nothing_else(tmp_path):
    with new_folder(tmp_path / "deep/new") as partial:
        (partial / "file").write_text("x")
        assert not (tmp_path / "deep/new").exists()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["new"]
    assert (tmp_path / "deep/new/file").read_text() == "x"


def test_after_an_error_nothing_is_left(tmp_path):
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "new") as partial:
        (partial / "file").write_text("x")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / ".new.partial").mkdir()
    (tmp_path / ".new.partial/old").write_text("x")
    (tmp_path / "new").mkdir()
    with new_folder(tmp_path / "new") as partial:
        assert list(partial.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_what_is_there_stays(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(UserError, match="already exists"), new_folder(path):
            pass
    assert (tmp_path / "file").read_text() == "x"


def test_two_do_not_make_one_folder(tmp_path):
    with new_folder(tmp_path / "new"):
        with pytest.raises(UserError, match="another process"), new_folder(tmp_path / "new"):
            pass


def test_a_process_that_is_just_leaving_is_not_named(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with only_process(lock, "at work"):
        (tmp_path / "lock.holder").unlink()
        with (
            pytest.raises(UserError, match=r"process \(of unknown ID\) is at work"),
            only_process(lock, "at work"),
        ):
            pass


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (NotImplementedError("no flock"), UserError, "file system of {} does not support locks"),
        (OSError(errno.ENOLCK, "No locks available"), OSError, "No locks available: '{}/lock'"),
    ],
)
def test_a_place_without_locks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, kind: type, says: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", fails)
    with (
        pytest.raises(kind, match=says.format(tmp_path)),
        only_process(tmp_path / "lock", "at work"),
    ):
        pass
