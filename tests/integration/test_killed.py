"""Training that is killed and signalled, as real processes: what it has done is not lost."""

import random
import signal
import time
from pathlib import Path

import pytest
from running import (
    TINY,
    error_line,
    left_behind,
    logged_steps,
    outcome,
    run,
    running,
    saved_steps,
)

pytestmark = pytest.mark.fault


def test_killed_at_twenty_random_moments_a_run_ends_with_the_same_bits(
    picture_folders: Path, tmp_path: Path
) -> None:
    kills, apart, every = 20, 20, 5
    stop = (kills + 1) * apart
    # So many epochs that the learning rate falls from the middle on.
    changing = ("--ema=0.9", "--epochs=50", "--decay_epochs=60", f"--max_steps={stop}")
    common = (f"--data={picture_folders}", *TINY, *changing, f"--checkpoint_every={every}")
    whole = run("train", *common, f"--workdir={tmp_path / 'whole'}")
    assert whole.status == 0, whole.err
    workdir, rng = tmp_path / "killed", random.Random(0)
    flags = (*common, f"--workdir={workdir}")
    with running("train", *flags) as command:  # Before its first step, too.
        command.wait_for((workdir / "lock.holder").exists)
    saved, killed_at = [0], []
    for kill in range(kills):
        # Later than the next checkpoint, so that every process has to get further.
        target = max(kill * apart + rng.randrange(apart), saved[-1] + every + 1)
        with running("train", *flags) as command:
            command.wait_for_step(workdir, target)
            time.sleep(rng.uniform(0, 0.02))
            command.send(signal.SIGKILL)
            assert command.wait() == -signal.SIGKILL
        saved.append(saved_steps(workdir)[-1])
        killed_at.append(logged_steps(workdir)[-1])
    assert saved == sorted(set(saved)), "a process has got no further"
    last = run("train", *flags)
    assert last.status == 0, last.err
    assert f"resuming at step {saved[-1]} of {stop}" in last.err
    assert outcome(workdir) == outcome(tmp_path / "whole")
    assert logged_steps(workdir) == list(range(1, stop + 1))
    assert left_behind(workdir) == []
    print(f"\nkilled at steps {killed_at}, continued at {saved[1:]}: same bits at {stop}")


def test_killed_inside_a_save_the_checkpoint_before_is_used(
    picture_folders: Path, tmp_path: Path
) -> None:
    # Of 15 MB, so that a save takes long enough to be met.
    large = ("--filters=40", "--max_steps=30", "--checkpoint_every=1")
    common = (f"--data={picture_folders}", *TINY, *large)
    workdir, rng = tmp_path / "killed", random.Random(1)
    flags = (*common, f"--workdir={workdir}")
    newest, hits = 0, 0
    while hits < 4:
        with running("train", *flags) as command:
            later = newest + rng.randrange(1, 3)
            command.wait_for(lambda step=later: [0, *saved_steps(workdir)][-1] >= step)
            if newest:
                assert f"resuming at step {newest} of 30" in command.err
            command.wait_for(lambda: any(workdir.glob("checkpoints/*_temp/*")))
            time.sleep(rng.uniform(0, 0.01))
            # Held, so that what is seen is what the kill meets.
            command.send(signal.SIGSTOP)
            hits += left_behind(workdir) != []
            newest = saved_steps(workdir)[-1]
    for path in (workdir, tmp_path / "whole"):
        command = run("train", *common, f"--workdir={path}")
        assert command.status == 0, command.err
    assert outcome(workdir) == outcome(tmp_path / "whole")
    assert left_behind(workdir) == []
    print(f"\nkilled inside {hits} saves, the last after step {newest}: same bits at 30")


def test_a_workdir_belongs_to_the_process_that_lives(picture_folders: Path, tmp_path: Path) -> None:
    flags = (f"--data={picture_folders}", f"--workdir={tmp_path}", *TINY, "--checkpoint_every=1")
    with running("train", *flags) as first:
        first.wait_for(lambda: saved_steps(tmp_path) != [])
        second = run("train", *flags)
        assert second.status == 1
        told = error_line(second.err)
        assert f"another process ({first.pid} on " in told and str(tmp_path) in told
        assert first.status is None
    reached = saved_steps(tmp_path)[-1]
    third = run("train", *flags, f"--max_steps={reached + 2}")
    assert third.status == 0, third.err
    assert f"resuming at step {reached} of {reached + 2}" in third.err


def test_sigint_checkpoints_and_a_second_signal_ends_at_once(
    picture_folders: Path, tmp_path: Path
) -> None:
    # Steps of about a second, so that the second signal comes before the first is obeyed.
    slow = ("--generator=resnet_4", "--filters=32", "--load_size=64", "--crop_size=64")
    flags = (f"--data={picture_folders}", *TINY, *slow, f"--workdir={tmp_path}")
    with running("train", *flags) as command:
        command.wait_for_step(tmp_path, 1)
        command.send(signal.SIGINT)
        assert command.wait() == 130
    assert "stopped by SIGINT at step" in command.err and "Traceback" not in command.err
    (saved,) = saved_steps(tmp_path)
    assert saved == logged_steps(tmp_path)[-1]
    with running("train", *flags) as command:
        command.wait_for_step(tmp_path, saved + 1)
        command.send(signal.SIGTERM)
        command.wait_for(lambda: "stopping after this step" in command.err)
        sent = time.monotonic()
        command.send(signal.SIGTERM)
        assert command.wait() == -signal.SIGTERM
    print(f"\nended {time.monotonic() - sent:.2f} s after the second signal")
    assert saved_steps(tmp_path) == [saved]
