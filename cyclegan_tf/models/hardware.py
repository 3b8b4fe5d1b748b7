"""What the machine can do, where that decides how something is computed."""

import os
from functools import cache
from pathlib import Path

import tensorflow as tf

# What oneDNN can be limited to by ONEDNN_MAX_CPU_ISA that has no vectors of 512 bits.
_NARROW = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2")


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def has_avx512_only() -> bool:
    """Whether a processor with vectors of 512 bits does the work, and no GPU."""
    return _has_avx512() and not has_gpu()


@cache
def _has_avx512() -> bool:
    """Reads what Linux says of the processor; elsewhere, the answer is no."""
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in _NARROW:
        return False
    try:
        return "avx512f" in Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
