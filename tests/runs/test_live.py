"""Training from a notebook: a process that writes what it does stands for the training."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import read_image, write_image
from cyclegan_tf.runs import live

# Of the steps, the later one comes first as a text.
WRITES = """
import json, pathlib, shutil, sys, time
root = pathlib.Path(sys.argv[1])
(root / "samples").mkdir()
for step in (99999999, 100000005):
    (root / "clock.json").write_text(json.dumps({"step": step, "seconds": 2.0, "device": "x"}))
    shutil.copy(f"{root}/{step}.png", f"{root}/samples/step-{step:08d}.png")
    time.sleep(float(sys.argv[2]))
"""


class Screen:
    """Stands for the places below a cell; keeps what is shown in each, one after the other."""

    def __init__(self) -> None:
        self.places: list[list[Any]] = []

    def display(self, content: Any, display_id: bool) -> Any:
        assert display_id
        place = [content]
        self.places.append(place)
        return type("Handle", (), {"update": staticmethod(place.append)})


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    ipython = pytest.importorskip("IPython.display", reason="needs ipykernel (extra notebooks)")
    screen = Screen()
    monkeypatch.setattr(ipython, "display", screen.display)
    return screen


def instead(monkeypatch: pytest.MonkeyPatch, *command: str) -> list[list[str]]:
    """Has another command run; returns the list of those that were asked for."""
    asked: list[list[str]] = []
    start = subprocess.Popen

    def replaced(arguments: list[str], **options: Any) -> Any:
        asked.append(arguments)
        return start([sys.executable, "-c", *command], **options)

    monkeypatch.setattr(subprocess, "Popen", replaced)
    return asked


def test_the_latest_samples_and_the_step_are_shown(
    tmp_path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in (99_999_999, 100_000_005):
        grey = np.full((4, 4, 3), step % 10, np.uint8)
        write_image(tmp_path / f"{step}.png", grey)
    asked = instead(monkeypatch, WRITES, str(tmp_path), "0.5")
    live.train_live(tmp_path, ["--data=avatars"], refresh=0.05)
    assert asked == [
        [sys.executable, "-m", "cyclegan_tf.train", f"--workdir={tmp_path}", "--data=avatars"]
    ]
    progress, sheets = screen.places
    assert progress[-1].data == "step 100000005, 2 s on x"
    assert [int(read_image(sheet.data).mean()) for sheet in sheets[1:]] == [9, 5]


def test_a_failure_is_told_in_the_words_of_the_command(
    tmp_path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead(monkeypatch, "import sys; print('a bar', file=sys.stderr); sys.exit('error: no data')")
    with pytest.raises(UserError, match="^error: no data$"):
        live.train_live(tmp_path, [], refresh=0.05)


def test_without_ipython_nothing_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = instead(monkeypatch, "")
    monkeypatch.setitem(sys.modules, "IPython", None)
    with pytest.raises(UserError, match="needs IPython, which is missing: pip install .*notebooks"):
        live.train_live(tmp_path / "run", [])
    assert asked == [] and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stops_by_itself", [True, False])
def test_an_interruption_leaves_no_process_behind(
    tmp_path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch, stops_by_itself: bool
) -> None:
    """Once, the process ends as an interrupted one does; once, it has not noticed."""
    instead(monkeypatch, f"import time; time.sleep({0.2 if stops_by_itself else 60})")
    started: list[Any] = []

    def interrupted(process: Any, *_: Any) -> None:
        started.append(process)
        if not stops_by_itself:  # The second interruption, during the wait.
            monkeypatch.setattr(process, "wait", impatient(process.wait))
        raise KeyboardInterrupt

    monkeypatch.setattr(live, "_watch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        live.train_live(tmp_path, [])
    assert started[0].poll() == (0 if stops_by_itself else -15)


def impatient(wait: Any) -> Any:
    """A `wait` that is interrupted the first time."""
    calls: list[int] = []

    def replaced() -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return wait()

    return replaced
