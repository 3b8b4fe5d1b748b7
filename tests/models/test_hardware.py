"""What is said of the machine."""

import pytest
import tensorflow as tf

from cyclegan_tf.models import hardware

WIDE = "flags : fpu avx2 avx512f avx512dq"


@pytest.fixture(autouse=True)
def read_anew():
    hardware._has_avx512.cache_clear()
    yield
    hardware._has_avx512.cache_clear()


@pytest.mark.parametrize(
    ("said", "limit", "gpus", "expected"),
    [
        (WIDE, "", [], True),
        (WIDE, "AVX512_CORE", [], True),
        (WIDE, "avx2", [], False),
        (WIDE, "", ["GPU:0"], False),
        ("flags : fpu avx2 avx512fake", "", [], False),
        (None, "", [], False),
    ],
)
def test_wide_vectors_are_found_where_linux_says_so(
    said, limit, gpus, expected, monkeypatch, tmp_path
):
    path = tmp_path / "cpuinfo"
    if said:
        path.write_text(said)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    monkeypatch.setattr(hardware, "Path", lambda _: path)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    assert hardware.has_avx512_only() is expected
