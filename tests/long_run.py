"""A training run that watches itself: its memory, open files and traces, and the time of saving.

Not a test: `integration/test_long_run.py` starts it, as `python long_run.py RESULT FLAGS...`.
"""

import ctypes
import gc
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import tensorflow as tf

from cyclegan_tf import train
from cyclegan_tf.training import checkpoints, loop

SEEN: dict[str, Any] = {"steps": [], "bytes": [], "files": [], "traces": [], "saving": []}
FUNCTIONS: list[Any] = []


class MallInfo(ctypes.Structure):
    """What glibc says of its heaps, see mallinfo2(3)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def allocated() -> int:
    """Bytes in use of those that TensorFlow and Python have allocated.

    Resident memory says less: what was freed may stay there, or be taken back at any time. With
    `PYTHONMALLOC=malloc`, Python allocates where glibc sees it.
    """
    gc.collect()
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = MallInfo
    info = mallinfo2()
    return info.uordblks + info.hblkhd


class Watch:
    """Looks every 50 steps."""

    def after_step(self, step: int, metrics: dict[str, float]) -> None:
        if step % 50 == 0:
            SEEN["steps"].append(step)
            SEEN["bytes"].append(allocated())
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
