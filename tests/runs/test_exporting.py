"""What is said of a run to those who have not got it."""

import json
from pathlib import Path

import pytest

from cyclegan_tf.config.config import Config
from cyclegan_tf.runs.exporting import provenance
from cyclegan_tf.runs.run import Origin, Run
from cyclegan_tf.runs.workdir import Workdir


def opened(workdir: Path, step: int | None = None, config: Config | None = None) -> Run:
    return Run(config or Config(), step or 9, {}, Origin(Workdir(workdir), step))


@pytest.mark.parametrize("content", [None, b"", b'{"a2b": {', b"[1]", b"\xff"])
def test_figures_that_are_missing_or_damaged_are_left_out(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "evaluation.json").write_bytes(content)
    assert provenance(opened(tmp_path)).evaluation == ""


def test_figures_are_of_the_step_that_was_chosen(tmp_path: Path) -> None:
    for folder, error in ((tmp_path, 11.0), (tmp_path / "evaluation/step-00000007", 22.0)):
        folder.mkdir(parents=True, exist_ok=True)
        figures = {"pictures": 3, "translation": {"changed_mae": error}}
        (folder / "evaluation.json").write_text(json.dumps({"a2b": figures}))
    newest, chosen, unknown = (provenance(opened(tmp_path, step)) for step in (None, 7, 8))
    assert "11" in newest.evaluation and "22" in chosen.evaluation
    assert unknown.evaluation == ""
    assert "step" not in newest.facts["training"]
    assert chosen.facts["training"].endswith("the checkpoint of step 7")


def test_folders_are_told_by_name_alone(tmp_path: Path) -> None:
    config = Config().replace({"data_a": str(tmp_path / "faces"), "data_b": "/somewhere/else"})
    found = provenance(opened(tmp_path, config=config))
    assert (found.facts["data"], found.names) == ("faces and else", ("faces", "else"))
