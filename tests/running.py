"""Commands in processes of their own, watched and killed; what they leave; disks to be filled."""

import importlib
import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf

from cyclegan_tf import cli

# Linux has no process of a number above 2**22.
NO_PROCESS = 2**22 + 1

# Python for a process that SIGINT ends, also where tests run with it ignored, which is inherited.
# To have it reset by `preexec_fn` would fork the tests' process, and abort where gRPC has threads.
INTERRUPTIBLE = (
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])",
)

# The smallest networks and pictures that do all that larger ones do, with every step logged.
SMALLEST = {
    "generator": "resnet_1",
    "filters": 3,
    "discriminator_layers": 1,
    "load_size": 20,
    "crop_size": 16,
    "batch_size": 2,
    "log_every": 1,
}


def as_flags(options: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(f"--{name}={value}" for name, value in options.items())


TINY = as_flags({**SMALLEST, "pool_size": 3, "sample_every": 1000})


# Processes come from one that has imported TensorFlow, which takes longer than most of what is
# tested, and has done nothing else.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["cyclegan_tf.translate", "cyclegan_tf.runs.experiment"])


class Command:
    """A command in a process of its own.

    Args:
        name: Such as `train`.
        *flags: Its flags.
    """

    def __init__(self, name: str, *flags: object) -> None:
        folder = tempfile.mkdtemp()
        weakref.finalize(self, shutil.rmtree, folder)
        self._out, self._err = Path(folder, "out"), Path(folder, "err")
        arguments = (name, list(map(str, flags)), self._out, self._err)
        self._process = _PROCESSES.Process(target=_main, args=arguments)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status, or minus the signal that ended it; None while it runs."""
        return self._process.exitcode

    @property
    def err(self) -> str:
        return self._err.read_text() if self._err.exists() else ""

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def peak(self) -> int:
        """The most memory it has had, in bytes."""
        return int(self._err.with_name("peak").read_text())

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Waits for its end, and returns the exit status."""
        self._process.join(900)
        assert self.status is not None, "it has not ended"
        return self.status

    def wait_for(self, condition: Callable[[], bool], seconds: float = 900.0) -> None:
        """Waits until something holds that the command brings about."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.status is None, f"it has ended: {self.err}"
            assert time.monotonic() < deadline, "it has not come about"
            time.sleep(0.002)

    def wait_for_step(self, workdir: Path, step: int) -> None:
        """Waits until a run that logs every step has logged this one."""
        path = workdir / "metrics.jsonl"
        self.wait_for(lambda: path.exists() and path.read_bytes().count(b"\n") >= step)


def _main(name: str, flags: list[str], out: Path, err: Path) -> None:
    for path, descriptor in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.argv = [name, *flags]
    # As in conftest.py: optimizing a graph takes longer than the steps on it.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        cli.run(importlib.import_module(f"cyclegan_tf.{name}").main)
    finally:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        err.with_name("peak").write_text(str(1024 * peak))


def run(name: str, *flags: object) -> Command:
    """Runs a command to its end."""
    with running(name, *flags) as command:
        command.wait()
    return command


@contextmanager
def running(name: str, *flags: object) -> Iterator[Command]:
    """A command while it runs; it is killed at the end, if it has not ended by itself."""
    command = Command(name, *flags)
    try:
        yield command
    finally:
        if command.status is None:
            command.send(signal.SIGKILL)
            command.wait()


def error_line(err: str) -> str:
    """The one line that says what went wrong."""
    lines = [line for line in err.splitlines() if "error: " in line]
    assert len(lines) == 1 and "Traceback" not in err, err
    # What a progress bar wrote before does not end with a line.
    return lines[0][lines[0].index("error: ") :]


def logged_steps(workdir: Path) -> list[int]:
    """The steps in `metrics.jsonl`; a last line that was cut off does not count."""
    path = workdir / "metrics.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [json.loads(line)["step"] for line in lines]


def saved_steps(workdir: Path) -> list[int]:
    indices = (workdir / "checkpoints").glob("step-*.index")
    return sorted(int(index.stem.removeprefix("step-")) for index in indices)


def outcome(workdir: Path) -> tuple[str, dict[str, bytes]]:
    """What a run comes to, to the last bit: its metrics and all it has saved last."""
    newest = workdir / f"checkpoints/step-{saved_steps(workdir)[-1]:08d}"
    reader = tf.train.load_checkpoint(os.fspath(newest))
    names = set(reader.get_variable_to_shape_map()) - {"_CHECKPOINTABLE_OBJECT_GRAPH"}
    tensors = {name: np.asarray(reader.get_tensor(name)).tobytes() for name in names}
    return (workdir / "metrics.jsonl").read_text(), tensors


def left_behind(workdir: Path) -> list[str]:
    """What no finished run has: files half-written."""
    names = [path.name for path in workdir.rglob("*")]
    whole = {f"step-{step:08d}" for step in saved_steps(workdir)}
    partial = [name for name in names if name.endswith((".partial", "_temp", "tempstate"))]
    orphans = [n for n in names if ".data-" in n and n.partition(".")[0] not in whole]
    return partial + orphans


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Leaves no room on a file system, until the block ends."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (2**16, 2**12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """Lets nothing be written to a file system, until the block ends."""
    _remount(disk, "ro")
    try:
        yield
    finally:
        _remount(disk, "rw")


def _remount(disk: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", os.fspath(disk)], check=True)
