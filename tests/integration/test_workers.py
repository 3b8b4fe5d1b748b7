"""Two workers on this machine: the run of one process, and what happens when one of them dies."""

import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from running import SMALLEST, error_line, filled

from cyclegan_tf.config.config import Config
from cyclegan_tf.runs.experiment import Experiment
from cyclegan_tf.runs.workdir import Workdir

TINY = {**SMALLEST, "sample_every": 1000, "learning_rate": 2e-6}
CYCLEGAN = {"pool_size": 3, "ema": 0.9, "augment": "flip,crop,colour"}
# Of the U-Net, dropout and batch norm: both have to be the global batch's.
PIX2PIX = {"model": "pix2pix", "norm": "batch", "dropout": True, "gan_mode": "vanilla"}

# The command, but optimizing a graph takes longer than the few steps a test runs on it.
COMMAND = """
import tensorflow as tf
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
from cyclegan_tf import cli, train
cli.run(train.main)
"""
# A machine that is busy takes minutes to start TensorFlow twice; a dead worker is to be noticed
# in much less.
STARTED, NOTICED = 900.0, 120.0


class Workers:
    """Two processes that train together; `cwds` is where each of them is, if that matters."""

    def __init__(
        self,
        workdirs: tuple[Path, Path],
        cwds: tuple[Path | None, Path | None] = (None, None),
        **options: object,
    ) -> None:
        addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
        flags = [f"--{name}={value}" for name, value in options.items()]
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-c", COMMAND, f"--workdir={workdir}", *flags],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                cwd=cwds[index],
                env={**os.environ, "TF_CONFIG": tf_config(addresses, index)},
            )
            for index, workdir in enumerate(workdirs)
        ]
        self.addresses = addresses

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *error: object) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()

    def wait(self, seconds: float = STARTED) -> list[tuple[int, str]]:
        """Returns each one's exit status and what it wrote to stderr."""
        ends = []
        for process in self.processes:
            _, err = process.communicate(timeout=seconds)
            ends.append((process.returncode, err))
        return ends


def tf_config(addresses: list[str], index: int) -> str:
    return json.dumps(
        {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    )


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def train(workdir: Path, **options: object) -> None:
    """Trains on two workers to the end."""
    with Workers((workdir, workdir), **options) as workers:
        ends = workers.wait()
    assert [status for status, _ in ends] == [0, 0], ends


def steps(workdir: Path) -> list[dict[str, float]]:
    path = workdir / "metrics.jsonl"
    # Of a line that is being written, there is no more than its beginning.
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def checkpoint(workdir: Path) -> dict[str, np.ndarray]:
    newest = max((workdir / "checkpoints").glob("*.index")).with_suffix("")
    reader = tf.train.load_checkpoint(str(newest))
    names = set(reader.get_variable_to_shape_map()) - {"_CHECKPOINTABLE_OBJECT_GRAPH"}
    return {name: reader.get_tensor(name) for name in names}


def wait_until(condition: Callable[[], bool], seconds: float = STARTED) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(CYCLEGAN, id="cyclegan"),
        pytest.param(PIX2PIX, id="pix2pix", marks=pytest.mark.fault),
    ],
)
def test_two_workers_make_the_run_of_one_process_and_the_chief_alone_writes(
    model: dict[str, object], picture_folders: Path, tmp_path: Path
) -> None:
    data = picture_folders if model is CYCLEGAN else pairs_of(picture_folders, tmp_path / "data")
    options = {**TINY, **model, "data": data, "max_steps": 4}
    # Of its own workdir, the second worker has no use, so that all it wrote would be seen.
    chief, other = tmp_path / "chief", tmp_path / "other"
    with Workers((chief, other), **options) as workers:
        ends = workers.wait()
    assert [status for status, _ in ends] == [0, 0], ends
    assert not other.exists()
    assert {path.name for path in chief.iterdir()} >= {
        *("config.json", "checkpoints", "metrics.jsonl", "samples", "logs", "clock.json"),
    }
    assert (chief / "evaluation.json").exists() == (model is CYCLEGAN)

    base = Config.of(str(model.get("model", "cyclegan")))
    alone = base.replace({**options, "data": str(data), "replicas": 2})
    Experiment(alone, tmp_path / "alone").train()
    one, two = steps(tmp_path / "alone"), steps(chief)
    assert [line["step"] for line in two] == [1, 2, 3, 4]
    for ours, theirs in zip(two, one, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
    ours, theirs = (checkpoint(run) for run in (chief, tmp_path / "alone"))
    assert ours.keys() == theirs.keys()
    for name in (name for name in ours if name.startswith("pool")):
        assert ours[name] == pytest.approx(theirs[name], abs=1e-4)


def pairs_of(pictures: Path, folder: Path) -> Path:
    """A folder of pairs: the pictures of one domain twice."""
    folder.mkdir()
    for domain in ("trainA", "trainB"):
        (folder / domain).symlink_to(pictures / "trainA")
    return folder


def kill_one(victim: int, workdir: Path, **options: object) -> None:
    """Kills one of two workers in the middle of a run; the other has to notice and say so."""
    with Workers((workdir, workdir), **options) as workers:
        wait_until(lambda: len(steps(workdir)) >= 7)
        workers.processes[victim].kill()
        killed = time.monotonic()
        survivor = workers.processes[1 - victim]
        _, err = survivor.communicate(timeout=NOTICED)
    print(f"ended {time.monotonic() - killed:.1f} s after the other was killed")
    assert survivor.returncode == 1
    last = err.splitlines()[-1]
    assert last.startswith(f"error: the worker at {workers.addresses[victim]} is gone")
    assert "Traceback" not in err


@pytest.mark.fault
def test_a_chief_that_is_killed_ends_the_other(picture_folders: Path, tmp_path: Path) -> None:
    kill_one(0, tmp_path, **TINY, **CYCLEGAN, data=picture_folders)


@pytest.mark.fault
def test_a_worker_that_is_killed_ends_the_other_and_both_go_on_to_the_same_bits(
    picture_folders: Path, tmp_path: Path
) -> None:
    run, whole = tmp_path / "run", tmp_path / "whole"
    options = {**TINY, **CYCLEGAN, "data": picture_folders, "checkpoint_every": 3}
    kill_one(1, run, **options)
    kept = max(int(path.stem[5:]) for path in (run / "checkpoints").glob("*.index"))
    assert kept % 3 == 0
    train(run, max_steps=kept + 2)
    train(whole, **options, max_steps=kept + 2)
    assert steps(run) == steps(whole)
    ours, theirs = checkpoint(run), checkpoint(whole)
    assert [name for name in theirs if not np.array_equal(theirs[name], ours[name])] == []


def expect_failure(workers: Workers, told: str, culprit: int = 0) -> None:
    """One alone comes upon an error: it ends with its own line, and the other notices."""
    failed = time.monotonic()
    said = []
    for index in (culprit, 1 - culprit):
        process = workers.processes[index]
        _, err = process.communicate(timeout=NOTICED)
        assert process.returncode == 1
        said.append(error_line(err))
        print(f"worker {index} ended after {time.monotonic() - failed:.1f} s")
    assert told in said[0]
    assert said[1].startswith(f"error: the worker at {workers.addresses[culprit]} is gone")


@pytest.mark.fault
def test_a_chief_whose_disk_is_full_ends_both(picture_folders: Path, small_disk: Path) -> None:
    workdir = small_disk / "run"
    with Workers((workdir, workdir), **TINY, **CYCLEGAN, data=picture_folders) as workers:
        wait_until(lambda: len(steps(workdir)) >= 2)
        with filled(small_disk):
            expect_failure(workers, "No space left on device")


@pytest.mark.fault
def test_a_chief_whose_workdir_is_taken_ends_both(picture_folders: Path, tmp_path: Path) -> None:
    with (
        Workdir(tmp_path).locked(),
        Workers((tmp_path, tmp_path), **TINY, **CYCLEGAN, data=picture_folders) as workers,
    ):
        wait_until(lambda: any(process.poll() is not None for process in workers.processes), 400)
        expect_failure(workers, f"({os.getpid()} on {platform.node()}) is training in")


@pytest.mark.fault
def test_a_worker_that_loses_its_pictures_ends_both(picture_folders: Path, tmp_path: Path) -> None:
    cwds, run = (tmp_path / "0", tmp_path / "1"), tmp_path / "run"
    for cwd in cwds:
        shutil.copytree(picture_folders, cwd / "data")
    options = {**TINY, **CYCLEGAN, "data": "data", "cache_gb": 0.0}
    with Workers((run, run), cwds, **options) as workers:
        wait_until(lambda: len(steps(run)) >= 2)
        shutil.rmtree(cwds[1] / "data")
        expect_failure(workers, "it was readable before; restore it", culprit=1)


@pytest.mark.fault
def test_sigterm_to_one_worker_stops_both_at_the_same_step(
    picture_folders: Path, tmp_path: Path
) -> None:
    options = {**TINY, **CYCLEGAN, "data": picture_folders, "steps_per_call": 3}
    with Workers((tmp_path, tmp_path), **options, max_steps=10_000) as workers:
        wait_until(lambda: len(steps(tmp_path)) >= 3)
        workers.processes[1].terminate()
        ends = workers.wait(NOTICED)
    assert [status for status, _ in ends] == [128 + signal.SIGTERM] * 2
    stops = [re.search(r"stopped by SIGTERM at step (\d+)", err) for _, err in ends]
    reached = steps(tmp_path)[-1]["step"]
    assert [int(stop[1]) for stop in stops if stop] == [reached, reached]
    assert (tmp_path / f"checkpoints/step-{reached:08}.index").exists()


@pytest.mark.fault
def test_workers_that_see_other_workdirs_refuse_to_go_on(
    picture_folders: Path, tmp_path: Path
) -> None:
    options = {**TINY, **CYCLEGAN, "data": picture_folders}
    config = Config().replace({**options, "data": str(picture_folders), "max_steps": 1})
    Experiment(config, tmp_path / "seen").train()
    workdirs = (tmp_path / "seen", tmp_path / "unseen")
    with Workers(workdirs, **options, max_steps=3) as workers:
        ends = workers.wait()
    for status, err in ends:
        assert status == 1
        said = ", ".join(f"{a}: {step}" for a, step in zip(workers.addresses, (1, 0), strict=True))
        assert f"do not agree on the step to start from ({said})" in err.splitlines()[-1]
    assert not (tmp_path / "unseen").exists()


def start_alone(config: str, *flags: str) -> tuple[int, str]:
    """Starts one worker; returns its exit status and the last line of its stderr."""
    ended = subprocess.run(
        [sys.executable, "-m", "cyclegan_tf.train", *flags],
        env={**os.environ, "TF_CONFIG": config},
        capture_output=True,
        text=True,
        timeout=STARTED,
    )
    assert "Traceback" not in ended.stderr
    return ended.returncode, ended.stderr.splitlines()[-1]


def test_a_bad_tf_config_is_one_line(tmp_path: Path) -> None:
    status, last = start_alone(tf_config(["a:1", "b:2"], 2), f"--workdir={tmp_path}")
    assert (status, last[:40]) == (1, "error: TF_CONFIG has no worker 2 among 2")


def test_a_worker_that_never_comes_is_named(picture_folders: Path, tmp_path: Path) -> None:
    mine, never = (f"127.0.0.1:{port}" for port in free_ports(2))
    flags = (f"--data={picture_folders}", "--batch_size=2", "--wait_for_workers=1")
    status, last = start_alone(tf_config([mine, never], 0), f"--workdir={tmp_path / 'w'}", *flags)
    assert status == 1
    assert last.startswith(f"error: no worker answers at {never} after 1 s:")
    assert not (tmp_path / "w").exists()


@pytest.mark.fault
def test_what_listens_and_is_no_worker_is_waited_for_in_bounded_time(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        config = tf_config([f"127.0.0.1:{p}" for p in (port, other.getsockname()[1])], 0)
        flags = ("--data=any", "--batch_size=2", "--wait_for_workers=3")
        status, last = start_alone(config, f"--workdir={tmp_path / 'w'}", *flags)
    assert status == -signal.SIGALRM
    assert last == "all 2 workers are reachable; connecting, at most 3 s"
