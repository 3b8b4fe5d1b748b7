"""What the README says can be done as it says."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf import compare, convert, evaluate, export, report, stylize, train, translate
from cyclegan_tf.images.images import write_image

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
LINES = re.findall(r"^    python -m cyclegan_tf\.(\w+) (.+)$", README, re.MULTILINE)
COMMANDS = {
    "train": train.main,
    "translate": translate.main,
    "evaluate": evaluate.main,
    "report": report.main,
    "export": export.main,
    "stylize": stylize.main,
    "compare": compare.main,
}
PAINTING = ["--backbone_weights=random", "--iterations=1"]
TINY = {
    "train": [
        *("--generator=resnet_1", "--filters=3", "--discriminator_layers=1"),
        *("--load_size=20", "--crop_size=16", "--max_steps=1"),
    ],
    "stylize": PAINTING,
    "compare": [*PAINTING, "--images=1"],
}


def test_commands_run_in_their_order(
    picture_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(picture_folders, tmp_path / "photos")
    shutil.copytree(picture_folders / "testA", tmp_path / "more_photos")
    monkeypatch.chdir(tmp_path)
    for name in ("photo.jpg", "painting.jpg"):
        write_image(tmp_path / name, np.zeros((32, 40, 3), np.uint8))
    lines = [(name, flags) for name, flags in LINES if name != "convert"]
    assert [name for name, _ in lines] == [
        *("train", "translate", "evaluate", "report", "train"),
        *("export", "stylize", "stylize", "compare"),
    ]
    for name, flags in lines:
        assert COMMANDS[name]([name, *flags.split(), *TINY.get(name, [])]) == 0
    assert len(list((tmp_path / "translated").glob("*.png"))) == 3
    assert (tmp_path / "runs/mine/report.html").exists()
    assert (tmp_path / "served/mine/1/saved_model.pb").exists()
    assert (tmp_path / "painted.png").exists() and (tmp_path / "texture.png").exists()
    assert (tmp_path / "runs/mine/comparison/comparison.html").exists()


def test_checkpoints_are_converted_there_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="converting needs the extra torch")
    monkeypatch.chdir(tmp_path)
    pytorch_files(tmp_path / "checkpoints/horse2zebra")
    lines = [flags for name, flags in LINES if name == "convert"]
    assert len(lines) == 2
    for flags in lines:
        assert convert.main(["convert", *flags.split()]) == 0
    assert len(list((tmp_path / "checkpoints/back").iterdir())) == 4


def pytorch_files(folder: Path) -> None:
    """What the official code would leave behind, from small networks."""
    import pytorch_reference
    import torch

    folder.mkdir(parents=True)
    for letter in "AB":
        generator = pytorch_reference.ResnetGenerator(1, filters=2)
        torch.save(generator.state_dict(), folder / f"latest_net_G_{letter}.pth")
        discriminator = pytorch_reference.PatchDiscriminator(1, filters=2)
        torch.save(discriminator.state_dict(), folder / f"latest_net_D_{letter}.pth")


def test_the_library_example_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.+?)```", README, re.DOTALL)
    small = code.replace("resnet_generator(9", "resnet_generator(1, filters=2")
    small = small.replace("patch_discriminator()", "patch_discriminator(1, filters=2)")
    picture = np.zeros((1, 256, 256, 3), np.float32)
    batches = tf.data.Dataset.from_tensors((picture, picture))
    exec(small, {"batches": batches})


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"`?make ([a-z-]+)`?", README))
    assert {"quickstart", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_promises_have_their_tests() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", (ROOT / "docs/reliability.md").read_text())
    assert len(named) > 30
    for path, test in named:
        assert f"def {test}(" in (ROOT / "tests" / path).read_text(), f"{path}::{test}"
