"""What the machine can do, where that decides how something is computed."""

from functools import cache
from pathlib import Path

import tensorflow as tf


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def has_avx512_only() -> bool:
    """Whether a processor with vectors of 512 bits does the work, and no GPU."""
    return _has_avx512() and not has_gpu()


@cache
def _has_avx512() -> bool:
    """Reads what Linux says of the processor; elsewhere, the answer is no."""
    try:
        return "avx512f" in Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
