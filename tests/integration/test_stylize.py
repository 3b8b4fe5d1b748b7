"""The command that paints, on small pictures and random filters."""

import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from running import INTERRUPTIBLE

from cyclegan_tf import stylize
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import read_image, write_image


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Flags for a content with alpha and a grey style."""
    rng = np.random.default_rng(0)
    write_image(tmp_path / "content.png", rng.integers(0, 256, (33, 40, 4)).astype(np.uint8))
    write_image(tmp_path / "style.png", rng.integers(0, 256, (40, 30, 1)).astype(np.uint8))
    flags = {"backbone": "vgg16", "backbone_weights": "random", "style": tmp_path / "style.png"}
    return [f"--{name}={value}" for name, value in flags.items()]


def run(pictures: list[str], tmp_path: Path, *flags: str) -> int:
    content = [] if "--texture" in flags else [f"--content={tmp_path / 'content.png'}"]
    return stylize.main(["stylize", *pictures, *content, f"--output={tmp_path}/out/x.png", *flags])


def test_a_picture_its_steps_and_its_losses_are_written(
    pictures: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--iterations=4", "--save_every=2", "--optimizer=adam", "--image_size=32"]
    assert run(pictures, tmp_path, *flags) == 0
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["x.png", "x_000002.png", "x_000004.png", "x_losses.png"]
    assert read_image(tmp_path / "out/x.png").shape == (26, 32, 3)
    np.testing.assert_array_equal(
        read_image(tmp_path / "out/x.png"), read_image(tmp_path / "out/x_000004.png")
    )
    assert read_image(tmp_path / "out/x_losses.png").std() > 10
    assert f"image:  {tmp_path}/out/x.png" in capsys.readouterr().out


def test_a_texture_needs_no_content(pictures: list[str], tmp_path: Path) -> None:
    assert run(pictures, tmp_path, "--texture", "--iterations=2") == 0
    assert read_image(tmp_path / "out/x.png").shape == (40, 30, 3)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--texture", "--content=x.png"], "give either --content=FILE or --texture"),
        (["--style_layers=relu1_1:much"], r"--style_layers=relu1_1:much: expected NAME\[:WEIGHT"),
        (["--style_blend=a"], "--style_blend=a: expected NUMBER"),
        (["--content_layers=conv4"], "vgg16 has no layer conv4"),
        (["--style=nowhere.png"], "nowhere.png"),
        (["--init=nowhere.png"], "nowhere.png"),
        (["--backbone_weights=nowhere.npz"], "file not found; use --backbone_weights=FILE"),
        (["--iterations=0"], "iterations=0: expected at least 1"),
        (["--image_size=0"], "image_size=0: expected at least 1"),
    ],
)
def test_mistakes_are_named(
    pictures: list[str], tmp_path: Path, flags: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        run(pictures, tmp_path, *flags)
    assert not (tmp_path / "out").exists()


def test_what_is_painted_is_kept_when_it_is_stopped(pictures: list[str], tmp_path: Path) -> None:
    output = tmp_path / "x.png"
    flags = [f"--content={tmp_path}/content.png", f"--output={output}", "--iterations=100000"]
    command = [*INTERRUPTIBLE, "-m", "cyclegan_tf.stylize", *pictures, *flags, "--save_every=1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "x_000002.png").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped at iteration" in out and str(output) in out
    assert read_image(output).shape == (33, 40, 3)
