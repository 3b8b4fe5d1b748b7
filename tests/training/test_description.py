"""What is said of a run to those who have not got it."""

from pathlib import Path

import pytest

from cyclegan_tf.config import Config
from cyclegan_tf.training.description import origin


@pytest.mark.parametrize("content", [None, b"", b'{"a2b": {', b"[1]", b"\xff"])
def test_figures_that_are_missing_or_damaged_are_left_out(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "evaluation.json").write_bytes(content)
    assert origin(Config(), tmp_path).evaluation == ""


def test_folders_are_told_by_name_alone(tmp_path: Path) -> None:
    config = Config().replace({"data_a": str(tmp_path / "faces"), "data_b": "/somewhere/else"})
    assert origin(config, tmp_path).facts["data"] == "faces and else"
