"""A training run that watches itself: its memory, open files and traces, and the time of saving.

Not a test: `integration/test_long_run.py` starts it, as `python long_run.py RESULT FLAGS...`.
"""

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import tensorflow as tf

from cyclegan_tf import train
from cyclegan_tf.training import checkpoints, loop

SEEN: dict[str, Any] = {"steps": [], "bytes": [], "files": [], "traces": [], "saving": []}
FUNCTIONS: list[Any] = []


class Watch:
    """Looks every 50 steps."""

    def after_step(self, step: int, metrics: dict[str, float]) -> None:
        if step % 50 == 0:
            # Not what is mapped from files: of that, the system takes back what it likes.
            status = Path("/proc/self/status").read_text()
            SEEN["steps"].append(step)
            SEEN["bytes"].append(1024 * int(re.findall(r"RssAnon:\s+(\d+) kB", status)[0]))
            SEEN["files"].append(len(os.listdir("/proc/self/fd")))
            SEEN["traces"].append(sum(f.experimental_get_tracing_count() for f in FUNCTIONS))

    def close(self) -> None:
        pass


def watched() -> None:
    """Puts the watch into what the command calls."""
    make_step, run, save = loop.distributed_step, loop.train, checkpoints.Checkpoints.save

    def distributed_step(*arguments: Any, **keywords: Any) -> Any:
        FUNCTIONS.append(make_step(*arguments, **keywords))
        return FUNCTIONS[-1]

    def train_watched(*arguments: Any, observers: list[Any], **keywords: Any) -> None:
        start = time.monotonic()
        run(*arguments, observers=[*observers, Watch()], **keywords)
        SEEN["seconds"] = time.monotonic() - start

    def timed_save(self: checkpoints.Checkpoints, step: int) -> None:
        start = time.monotonic()
        save(self, step)
        SEEN["saving"].append(time.monotonic() - start)

    loop.distributed_step, loop.train = distributed_step, train_watched
    checkpoints.Checkpoints.save = timed_save  # type: ignore[method-assign]


if __name__ == "__main__":
    tf.get_logger().setLevel("ERROR")
    watched()
    status = train.main(["train", *sys.argv[2:]])
    Path(sys.argv[1]).write_text(json.dumps(SEEN))
    sys.exit(status)
