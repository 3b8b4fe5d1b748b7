"""Commands on an earlier checkpoint give what they would give if it were the newest."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from running import SMALLEST, as_flags

from cyclegan_tf import evaluate, train, translate
from cyclegan_tf.images.images import read_image


@pytest.fixture(scope="module")
def run(picture_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with checkpoints of the steps 1 and 2, which differ much."""
    workdir = tmp_path_factory.mktemp("run")
    flags = (f"--data={picture_folders}", f"--workdir={workdir}", *as_flags(SMALLEST))
    far = ("--max_steps=2", "--checkpoint_every=1", "--learning_rate=0.05")
    assert train.main(["train", *flags, *far]) == 0
    return workdir


@pytest.fixture(scope="module")
def of_one_step(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run without the second checkpoint."""
    workdir = tmp_path_factory.mktemp("copy") / "run"
    shutil.copytree(run, workdir)
    for file in (workdir / "checkpoints").glob("step-00000002.*"):
        file.unlink()
    return workdir


def translated(workdir: Path, source: Path, output: Path, *flags: str) -> np.ndarray:
    flags = (f"--workdir={workdir}", f"--input={source}", f"--output={output}", *flags)
    assert translate.main(["translate", *flags]) == 0
    return read_image(output / "00.png")


def test_translating(run: Path, of_one_step: Path, picture_folders: Path, tmp_path: Path) -> None:
    source = picture_folders / "testA/00.png"
    expected = translated(of_one_step, source, tmp_path / "copy")
    chosen = translated(run, source, tmp_path / "chosen", "--step=1")
    newest = translated(run, source, tmp_path / "newest")
    assert np.array_equal(chosen, expected)
    assert not np.array_equal(chosen, newest)


def test_evaluating_leaves_the_runs_own_figures_alone(run: Path, of_one_step: Path) -> None:
    own = {name: (run / name).read_bytes() for name in ("evaluation.json", "report.html")}
    assert evaluate.main(["evaluate", f"--workdir={of_one_step}"]) == 0
    assert evaluate.main(["evaluate", f"--workdir={run}", "--step=1"]) == 0
    assert own == {name: (run / name).read_bytes() for name in own}
    chosen = run / "evaluation/step-00000001"
    expected = json.loads((of_one_step / "evaluation.json").read_text())
    assert json.loads((chosen / "evaluation.json").read_text()) == expected
    assert expected != json.loads(own["evaluation.json"])
    assert (chosen / "gallery.png").exists()
