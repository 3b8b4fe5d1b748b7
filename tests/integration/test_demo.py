"""The page of a trained run, served by the command."""

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from running import INTERRUPTIBLE

from cyclegan_tf import demo, train
from cyclegan_tf.errors import UserError
from cyclegan_tf.neural_style.options import StyleOptions

TINY = ["--generator=resnet_1", "--filters=3", "--discriminator_layers=1", "--crop_size=16"]
TINY += ["--load_size=20", "--max_steps=1"]
RANDOM = {"backbone": "vgg16", "backbone_weights": "random", "pooling": "max"}


@pytest.fixture(scope="module")
def trained(picture_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    workdir = tmp_path_factory.mktemp("run")
    flags = [f"--data={picture_folders}", f"--workdir={workdir}", *TINY]
    assert train.main(["train", *flags]) == 0
    return workdir


def test_a_run_brings_what_its_page_shows(trained: Path) -> None:
    from cyclegan_tf.runs.demonstration import demonstrate
    from cyclegan_tf.runs.run import Run

    run = Run.open(trained)
    shown = demonstrate(run, StyleOptions(iterations=1), RANDOM, examples=2)
    assert set(shown.translate) == set(shown.examples) == set(shown.paint) == {"a2b", "b2a"}
    assert shown.channels == {"a2b": 3, "b2a": 3}
    for direction, pictures in shown.examples.items():
        assert len(pictures) == 2
        picture = pictures[0]
        assert picture.shape == (16, 16, 3) and picture.dtype == np.uint8
        for method in (shown.translate[direction], shown.paint[direction]):
            assert method(picture).shape == (16, 16, 3)
    without = demonstrate(run, StyleOptions(), RANDOM, examples=0)
    assert without.examples == without.paint == {}
    assert shown.names == ("A", "B")
    missing = RANDOM | {"backbone_weights": str(trained / "none.npz")}
    offered = demonstrate(run, StyleOptions(), missing, examples=1)
    assert offered.paint == {} and set(offered.examples) == {"a2b", "b2a"}
    chosen = demonstrate(Run.open(trained, step=1), StyleOptions(), RANDOM, examples=0)
    assert chosen.title == f"{without.title}, step 1"


def test_the_command_serves_until_it_is_stopped(trained: Path) -> None:
    pytest.importorskip("gradio", reason="needs the extra demo")
    process = subprocess.Popen(
        [*INTERRUPTIBLE, "-m", "cyclegan_tf.demo", f"--workdir={trained}", "--step=1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    (address,) = re.findall(r"http://127.0.0.1:\d+/", process.stdout.readline())
    with urllib.request.urlopen(address, timeout=60) as answer:
        assert b", step 1" in answer.read()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--max_side=1"], "--max_side=1: expected at least 16"),
        (["--max_megabytes=0"], "--max_megabytes=0: expected at least 1"),
        (["--iterations=0"], "--iterations=0: expected at least 1"),
    ],
)
def test_mistakes_are_named(trained: Path, flags: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        demo.main(["demo", f"--workdir={trained}", *flags])


def test_without_gradio_it_says_what_to_install(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.delitem(sys.modules, "cyclegan_tf.serving.demo_page", raising=False)
    with pytest.raises(UserError, match=r"pip install 'cyclegan_tf\[demo\]'"):
        demo.main(["demo", f"--workdir={trained}"])
