"""What is said of the machine."""

import pytest
import tensorflow as tf

from cyclegan_tf.models import hardware


@pytest.mark.parametrize(
    ("said", "gpus", "expected"),
    [
        ("flags : fpu avx2 avx512f", [], True),
        ("flags : fpu avx2 avx512f", ["GPU:0"], False),
        ("flags : fpu avx2 avx512fake", [], False),
        (None, [], False),
    ],
)
def test_wide_vectors_are_found_where_linux_says_so(said, gpus, expected, monkeypatch, tmp_path):
    path = tmp_path / "cpuinfo"
    if said:
        path.write_text(said)
    monkeypatch.setattr(hardware, "Path", lambda _: path)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    hardware._has_avx512.cache_clear()
    assert hardware.has_avx512_only() is expected
    hardware._has_avx512.cache_clear()
