"""Who may write to the folder of a run, and what is said when it cannot be."""

import os
from pathlib import Path

import pytest
from running import NO_PROCESS, filled, read_only

from cyclegan_tf.config.config import Config
from cyclegan_tf.errors import UserError
from cyclegan_tf.runs.workdir import Workdir


def test_one_process_at_a_time_which_is_named(tmp_path: Path) -> None:
    workdir = Workdir(tmp_path)
    with workdir.locked():
        for _ in range(2):
            with (
                pytest.raises(UserError, match=rf"process \({os.getpid()} on .+\) is training in"),
                Workdir(tmp_path).locked(),
            ):
                pass
    with workdir.locked():
        pass


def test_what_a_process_that_was_killed_left_half_written_is_removed(tmp_path: Path) -> None:
    places = (".clock.json", "samples/.step-1.png", "out/.x.mp4")
    names = [f"{place}.{NO_PROCESS}.partial" for place in places]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with Workdir(tmp_path).locked():
        # What lies deeper may be another process' work.
        assert [(tmp_path / name).exists() for name in names] == [False, False, True]


def test_a_read_only_folder_is_told(small_disk: Path) -> None:
    Workdir(small_disk).store_config(Config())
    with (
        read_only(small_disk),
        pytest.raises(UserError, match="cannot write to `workdir=.*`.*Read-only file system"),
        Workdir(small_disk).locked(),
    ):
        pass
    assert Workdir(small_disk).stored_config() == Config()


def test_a_full_disk_is_told(small_disk: Path) -> None:
    Workdir(small_disk).store_config(Config())
    with (
        filled(small_disk),
        pytest.raises(UserError, match="cannot write to `workdir=.*`.*No space left"),
        Workdir(small_disk).locked(),
    ):
        pass


def test_only_files_of_the_run_are_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for there in (tmp_path / "run/logs/x", tmp_path / "file/run"):
        run = Workdir(there if "file" in there.parts else tmp_path / "run")
        with pytest.raises(UserError, match=f"cannot write to `workdir={run.root}`: .*'"):
            with run.locked():
                there.read_bytes()
    with pytest.raises(FileNotFoundError), Workdir(tmp_path / "run").locked():
        (tmp_path / "run2/picture.png").read_bytes()


@pytest.mark.parametrize("content", [b"", b'{"data": {', b"\xff\xfe", b"[1]", b'{"data": 3}'])
def test_a_damaged_configuration_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(UserError, match="config.json cannot be read"):
        Workdir(tmp_path).stored_config()


def test_figures_of_other_data_or_steps_lie_apart(tmp_path: Path) -> None:
    own = Workdir(tmp_path)
    places = [own.elsewhere(*given) for given in ((), ("a/b",), ("", 3), ("a/b", 3), ("c", 3))]
    assert places[0] == own
    assert len({place.evaluation for place in places}) == 5
    assert all(place.root.parent == tmp_path / "evaluation" for place in places[1:])
