"""Disks that fill up under a run, and run folders that cannot be written to."""

import shutil
import signal
from pathlib import Path

import pytest
from running import (
    TINY,
    error_line,
    filled,
    left_behind,
    outcome,
    read_only,
    run,
    running,
    saved_steps,
)

pytestmark = pytest.mark.fault


def test_a_run_whose_disk_is_full_goes_on_when_there_is_room(
    picture_folders: Path, tmp_path: Path, small_disk: Path
) -> None:
    common = (f"--data={picture_folders}", *TINY, "--max_steps=200", "--checkpoint_every=5")
    whole = run("train", *common, f"--workdir={tmp_path}")
    assert whole.status == 0, whole.err
    workdir = small_disk / "run"
    reached = 0
    # Without lines of metrics it is a checkpoint that finds no room, and with them one of those.
    for every, says in ((1000, "cannot write a checkpoint to"), (1, "cannot write to --workdir=")):
        flags = (*common, f"--log_every={every}", f"--workdir={workdir}")
        with running("train", *flags) as command:
            command.wait_for(lambda step=reached: [0, *saved_steps(workdir)][-1] > step)
            with filled(small_disk):
                assert command.wait() == 1
                told = error_line(command.err)
                assert told.startswith(f"error: {says}") and "No space left on device" in told
                assert left_behind(workdir) == []
                outcome(workdir)  # Reads the last checkpoint, whose checksums hold.
        reached = saved_steps(workdir)[-1]
        print(f"\nfull after step {reached}: {told}")
    last = run("train", *flags)
    assert last.status == 0, last.err
    assert f"resuming at step {reached} of 200" in last.err
    assert outcome(workdir)[1] == outcome(tmp_path)[1]


def test_a_read_only_run_can_be_used_and_is_not_trained(
    picture_folders: Path, tmp_path: Path, small_disk: Path
) -> None:
    workdir = small_disk / "run"
    data = f"--data={picture_folders}"
    assert run("train", data, *TINY, f"--workdir={workdir}", "--max_steps=1").status == 0
    before = outcome(workdir)
    with read_only(small_disk):
        flags = (f"--workdir={workdir}", f"--input={picture_folders / 'testA'}")
        translated = run("translate", *flags, f"--output={tmp_path / 'out'}")
        assert translated.status == 0, translated.err
        refused = {"train": ("--max_steps=2",), "evaluate": ()}
        for command, more in refused.items():
            told = run(command, f"--workdir={workdir}", *more)
            assert told.status == 1
            assert "Read-only file system" in error_line(told.err)
    assert outcome(workdir) == before


def test_a_translation_whose_disk_is_full_goes_on_when_there_is_room(
    picture_folders: Path, tmp_path: Path, small_disk: Path
) -> None:
    data = f"--data={picture_folders}"
    assert run("train", data, *TINY, f"--workdir={tmp_path / 'w'}", "--max_steps=1").status == 0
    for number in range(200):
        (tmp_path / "in").mkdir(exist_ok=True)
        shutil.copy(picture_folders / "testA/00.png", tmp_path / f"in/{number}.png")
    flags = (f"--workdir={tmp_path / 'w'}", f"--input={tmp_path / 'in'}", "--batch_size=1")
    with running("translate", *flags, f"--output={small_disk}") as command:
        command.wait_for(lambda: any(small_disk.glob("*.png")))
        command.send(signal.SIGSTOP)
        with filled(small_disk):
            command.send(signal.SIGCONT)
            assert command.wait() == 1
            assert "No space left on device" in error_line(command.err)
            written = len(list(small_disk.glob("*.png")))
            assert 1 <= written < 200
    assert run("translate", *flags, f"--output={small_disk}").status == 0
    assert len(list(small_disk.glob("*.png"))) == 200
    assert not list(small_disk.glob(".*"))
    print(f"\nfull after {written} of 200 translations")
