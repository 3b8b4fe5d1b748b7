"""The README and the pages that continue it: their commands and examples run as shown."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import cyclegan_tf
from cyclegan_tf import (
    compare,
    convert,
    evaluate,
    export,
    prepare,
    report,
    stylize,
    train,
    translate,
)
from cyclegan_tf.images.images import write_image

ROOT = Path(__file__).parent.parent
PAGES = {
    name: (ROOT / name).read_text()
    for name in (
        "README.md",
        *(f"docs/{page}.md" for page in ("getting-started", "translation", "style", "pytorch")),
    )
}
# Several pages show the same command; each distinct one is run once, where it comes first.
LINES = list(
    dict.fromkeys(
        line
        for text in PAGES.values()
        for line in re.findall(r"^    !?python -m cyclegan_tf\.(\w+) (.+)$", text, re.MULTILINE)
    )
)
EXAMPLES = [
    code for text in PAGES.values() for code in re.findall(r"```python\n(.+?)```", text, re.DOTALL)
]
COMMANDS = {
    "prepare": prepare.main,
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
    for name in ("photo.jpg", "painting.jpg", "face.png"):
        write_image(tmp_path / name, np.zeros((32, 40, 3), np.uint8))
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    lines = [(name, flags) for name, flags in LINES if name != "convert"]
    assert [name for name, _ in lines] == [
        *("train", "translate", "evaluate", "report", "export"),
        *("prepare", "train", "train", "train"),
        *("translate", "stylize", "stylize", "compare"),
    ]
    for name, flags in lines:
        if "--input=photos" in flags:  # The command before has filled this output.
            flags = flags.replace("--output=translated", "--output=translated_photos")
        assert COMMANDS[name]([name, *flags.split(), *TINY.get(name, [])]) == 0
    assert len(list((tmp_path / "translated").glob("*.png"))) == 3
    assert len(list((tmp_path / "translated_photos").rglob("*.png"))) == 21
    assert (tmp_path / "runs/mine/report.html").exists()
    assert (tmp_path / "served/mine/1/saved_model.pb").exists()
    assert (tmp_path / "painted.png").exists() and (tmp_path / "texture.png").exists()
    assert (tmp_path / "runs/mine/comparison/comparison.html").exists()
    if not hasattr(cyclegan_tf, "Run"):
        pytest.skip("the examples in Python need cyclegan_tf.Run")
    shutil.copytree(tmp_path / "runs/mine", tmp_path / "runs/quickstart")
    assert len(EXAMPLES) == 6
    names: dict[str, Any] = {}
    for code in EXAMPLES:
        exec(smaller(code), names)
    assert names["image"].shape == (32, 40, 3) and names["image"].dtype == np.uint8
    assert len(list((tmp_path / "translated_small").glob("*.png"))) == 3
    assert len(list((tmp_path / "translated_by_run").glob("*.png"))) == 3
    assert (tmp_path / "served/small/1/saved_model.pb").exists()
    assert names["page"] == Path("runs/mine/report.html")
    assert names["network"](np.zeros((1, 16, 16, 3), np.float32)).shape == (1, 16, 16, 3)


def smaller(code: str) -> str:
    """Gives a run that an example trains the small options of the commands."""
    options = re.search(r'generator="resnet_6", load_size=\d+, crop_size=\d+', code)
    if "Run.train(" not in code:
        return code
    assert options is not None
    pairs = (flag.removeprefix("--").split("=") for flag in TINY["train"])
    small = (
        f"{name}={value!r}" if name == "generator" else f"{name}={value}" for name, value in pairs
    )
    return code.replace(options[0], ", ".join(small))


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


def test_the_keras_example_runs() -> None:
    (code,) = re.findall(r"```python\n(.+?)```", (ROOT / "docs/models.md").read_text(), re.DOTALL)
    small = code.replace("resnet_generator(9", "resnet_generator(1, filters=2")
    small = small.replace("patch_discriminator()", "patch_discriminator(1, filters=2)")
    picture = np.zeros((1, 256, 256, 3), np.float32)
    batches = tf.data.Dataset.from_tensors((picture, picture))
    exec(small, {"batches": batches})


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"(?:^    |`)make ([a-z-]+)", "".join(PAGES.values()), re.MULTILINE))
    assert {"quickstart", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 150


def test_promises_have_their_tests() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", (ROOT / "docs/reliability.md").read_text())
    assert len(named) > 30
    for path, test in named:
        assert f"def {test}(" in (ROOT / "tests" / path).read_text(), f"{path}::{test}"
