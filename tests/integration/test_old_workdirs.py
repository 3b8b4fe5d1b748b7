"""Runs of earlier versions, as `tests/workdirs` holds them, remain usable."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from running import error_line, run
from workdirs.make_v0_1_0 import DATA, STORED, hashes, write_pictures

from cyclegan_tf.images.images import read_image
from cyclegan_tf.runs.experiment import Experiment
from cyclegan_tf.runs.workdir import Workdir
from cyclegan_tf.training.checkpoints import Checkpoints

STEP = 4


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the stored run, in a working directory where its data is."""
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / DATA)
    return Path(shutil.copytree(STORED / "run", tmp_path / "run"))


def values(evaluation: str) -> dict[str, float]:
    """The metrics of an `evaluation.json`, by the names of the groups they are in."""
    return {
        f"{direction} {kind} {name}": value
        for direction, groups in json.loads(evaluation).items()
        for kind, metrics in groups.items()
        if isinstance(metrics, dict)
        for name, value in metrics.items()
    }


def test_the_stored_runs_stay_small() -> None:
    files = [path for path in STORED.parent.rglob("*") if path.suffix not in (".py", ".pyc")]
    assert sum(path.stat().st_size for path in files) < 300_000


def test_restoring_gives_the_stored_values(workdir: Path) -> None:
    config = Workdir(workdir).run_config()
    experiment = Experiment(config, workdir)
    state = experiment.model.state()
    assert Checkpoints(experiment.workdir.checkpoints, state).restore_latest() == STEP
    restored = {
        group: {name: variable.numpy() for name, variable in variables.items()}
        for group, variables in state.items()
    }
    expected = json.loads((STORED / "hashes.json").read_text())
    assert hashes(restored) == expected
    kinds = {"generator_ab", "average_ba", "discriminator_a", "discriminator_optimizer", "pool_a"}
    assert kinds <= set(expected)


def test_training_resumes(workdir: Path) -> None:
    before = (workdir / "metrics.jsonl").read_text()
    command = run("train", f"--workdir={workdir}", "--max_steps=6")
    assert command.status == 0, command.err
    assert f"step {STEP} of 6" in command.err
    metrics = (workdir / "metrics.jsonl").read_text()
    assert metrics.startswith(before)
    assert [json.loads(line)["step"] for line in metrics.splitlines()] == [1, 2, 3, 4, 5, 6]


def test_domains_can_be_named_later(workdir: Path) -> None:
    stored = Workdir(workdir).run_config()
    assert stored.domain_names == ("A", "B")
    named = stored.replace({"name_a": "warm", "name_b": "cold"})
    # The run has reached its end; the names are stored all the same.
    Experiment(named, workdir).train()
    assert Workdir(workdir).run_config() == named


def test_other_options_are_rejected(workdir: Path) -> None:
    command = run("train", f"--workdir={workdir}", "--lambda_cycle=5")
    assert command.status == 1
    assert "lambda_cycle: 10.0 -> 5.0" in error_line(command.err)


def test_it_translates_to_the_stored_pixels(workdir: Path, tmp_path: Path) -> None:
    flags = (f"--input={DATA}/testA", "--output=translated", "--batch_size=1")
    command = run("translate", f"--workdir={workdir}", "--direction=a2b", *flags)
    assert command.status == 0, command.err
    expected = sorted((STORED / "translated").glob("*.png"))
    assert len(expected) == 2
    for path in expected:
        # Other processors and TensorFlow versions round differently.
        difference = read_image(tmp_path / "translated" / path.name).astype(int) - read_image(path)
        assert abs(difference).max() <= 1


def test_it_evaluates_to_the_stored_figures(workdir: Path) -> None:
    path = workdir / "evaluation.json"
    before = path.read_text()
    path.unlink()
    command = run("evaluate", f"--workdir={workdir}")
    assert command.status == 0, command.err
    assert values(path.read_text()) == pytest.approx(values(before), rel=1e-3)
    # The headings above the images have changed, the images below have not.
    now, then = (read_image(root / "gallery.png")[-208:] for root in (workdir, STORED / "run"))
    assert len(now) == 208
    np.testing.assert_allclose(now.astype(int), then.astype(int), atol=1)


def test_it_exports(workdir: Path, tmp_path: Path) -> None:
    command = run("export", f"--workdir={workdir}", f"--output={tmp_path / 'served'}")
    assert command.status == 0, command.err
    assert (tmp_path / "served/1/saved_model.pb").exists()
