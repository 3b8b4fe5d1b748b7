"""Hardware checks that decide how something is computed."""

import os
from functools import cache
from pathlib import Path

import tensorflow as tf

# Values of ONEDNN_MAX_CPU_ISA that limit oneDNN to instruction sets without 512-bit vectors.
_NARROW = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2")


def has_gpu() -> bool:
    """Return whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def has_avx512_only() -> bool:
    """Return whether a CPU with 512-bit vectors computes, without a GPU."""
    return _has_avx512() and not has_gpu()


@cache
def _has_avx512() -> bool:
    """Read the CPU flags from Linux, and return False on other systems."""
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in _NARROW:
        return False
    try:
        return "avx512f" in Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
