"""Runs the sides of a benchmark in turn on one machine, each in a separate process."""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

SIDES = ("ours", "contiguous", "channels_last")
# Seconds of every round, by side and task.
Seconds = dict[str, dict[str, list[float]]]


class Worker:
    """The process of one side, which runs tasks on request and reports their duration.

    Args:
        script: A benchmark that calls `serve` when run with these flags.
        threads: CPU threads of the process, also passed as `--threads`.
        **options: Further flags.
    """

    def __init__(self, script: str, threads: int, **options: str) -> None:
        given = {**options, "threads": threads}
        self._process = subprocess.Popen(
            [sys.executable, script, *(f"--{name}={value}" for name, value in given.items())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "OMP_NUM_THREADS": str(threads),
                "TF_CPP_MIN_LOG_LEVEL": "3",
                # Sides share a GPU; by default TensorFlow and JAX allocate all of its memory.
                "TF_FORCE_GPU_ALLOW_GROWTH": "true",
                "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
            },
        )

    def ask(self, task: str) -> Any:
        """Run a task and return seconds per step, or facts about the process."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the worker has no pipes")
        stdin.write(task + "\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise RuntimeError(f"the worker ended with status {self._process.wait()}: {task}")
        return json.loads(answer)

    def finish(self) -> dict[str, float]:
        """End the process and return the facts it reports."""
        about = self.ask("about")
        self._process.communicate()
        return about


def serve(
    tasks: Mapping[str, Callable[[], object]],
    counts: Mapping[str, int],
    facts: Callable[[], Mapping[str, float]],
) -> None:
    """Answer a `Worker` until standard input ends.

    Args:
        tasks: One step of each task, by name.
        counts: Number of steps timed per request.
        facts: Facts to report at the end, besides the peak memory.
    """
    for line in sys.stdin:
        task = line.strip()
        if task == "about":
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            print(json.dumps({"peak_gib": peak, **facts()}), flush=True)
            continue
        start = time.perf_counter()
        for _ in range(counts[task]):
            tasks[task]()
        print((time.perf_counter() - start) / counts[task], flush=True)


def take_turns(
    workers: Mapping[str, Worker], tasks: Mapping[str, Iterable[str]], rounds: int
) -> Seconds:
    """Time every side's tasks in turn, for some rounds after one warm-up round.

    Args:
        workers: The processes, by side.
        tasks: The names of each side's tasks. All sides run a task before the next one starts.
        rounds: Timed rounds.
    """
    seconds: Seconds = {side: {task: [] for task in tasks[side]} for side in workers}
    order = dict.fromkeys(task for side in workers for task in seconds[side])
    for number in range(rounds + 1):
        for task in order:
            for side, worker in workers.items():
                if task not in seconds[side]:
                    continue
                took = worker.ask(task)
                if number:  # The first round includes compilation and warm-up.
                    seconds[side][task].append(took)
    return seconds


def compare(seconds: Seconds, task: str, unit: str, amount: int = 1) -> dict[str, Any]:
    """Compare the medians of a task: ours, and PyTorch's in its faster layout.

    Args:
        seconds: From `take_turns`.
        task: Name of the task.
        unit: Unit of the throughput, such as `images`.
        amount: Number of units per step.
    """
    median = {side: statistics.median(tasks[task]) for side, tasks in seconds.items()}
    best = min(SIDES[1:], key=lambda side: median[side])
    return {
        f"ours_{unit}_per_second": amount / median["ours"],
        f"pytorch_{unit}_per_second": amount / median[best],
        "pytorch_layout": best,
        "ratio": median[best] / median["ours"],
        "ours_seconds": seconds["ours"][task],
        "pytorch_seconds": seconds[best][task],
    }


def write(rows: list[dict[str, Any]], folder: str, script: str) -> None:
    """Write rows as JSON into a folder, to a file named after the benchmark."""
    path = Path(folder, Path(script).stem + ".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=2) + "\n")
