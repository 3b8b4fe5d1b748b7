"""The command `train`: however a run ends, there is a report, and what went wrong is told."""

import shutil
from pathlib import Path

import pytest
from running import TINY

from cyclegan_tf import train
from cyclegan_tf.images.images import UnreadableImageError
from cyclegan_tf.runs.experiment import Experiment
from cyclegan_tf.training.loop import NotFinite


def test_a_test_picture_that_is_gone_at_the_end_is_named_and_the_report_is_there(
    picture_folders: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, workdir = shutil.copytree(picture_folders, tmp_path / "data"), tmp_path / "run"
    to_its_end = Experiment.train

    def train_and_lose(run: Experiment) -> None:
        to_its_end(run)
        (data / "testA/02.png").unlink()

    monkeypatch.setattr(Experiment, "train", train_and_lose)
    with pytest.raises(UnreadableImageError, match=r"testA/02.png: .*restore it"):
        train.main(["train", *TINY, "--max_steps=1", f"--data={data}", f"--workdir={workdir}"])
    assert capsys.readouterr().out.endswith(f"report:      {workdir / 'report.html'}\n")
    assert "data-step" in (workdir / "report.html").read_text()
    assert not (workdir / "evaluation.json").exists()


def test_a_loss_that_is_no_number_leaves_a_report(
    picture_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = (*TINY, "--lambda_cycle=3e38", f"--data={picture_folders}", f"--workdir={tmp_path}")
    with pytest.raises(NotFinite, match="became inf at step 1"):
        train.main(["train", *flags])
    assert capsys.readouterr().out.endswith(f"report:      {tmp_path / 'report.html'}\n")
    assert "data-step" in (tmp_path / "report.html").read_text()
