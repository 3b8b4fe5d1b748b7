"""The comparison of a trained run with neural style, with random filters."""

import json
from pathlib import Path

import numpy as np
import pytest

from cyclegan_tf import compare, train
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import read_image, write_image

TINY = ["--filters=3", "--load_size=20", "--crop_size=16", "--log_every=1", "--max_steps=2"]
TINY += ["--checkpoint_every=1"]
FAST = ["--backbone=vgg16", "--backbone_weights=random", "--iterations=2"]


@pytest.fixture(scope="module")
def trained(picture_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    workdir = tmp_path_factory.mktemp("run")
    networks = ["--generator=resnet_1", "--discriminator_layers=1"]
    flags = [f"--data={picture_folders}", f"--workdir={workdir}", *TINY, *networks]
    assert train.main(["train", *flags]) == 0
    return workdir


def test_a_run_is_compared(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [f"--workdir={trained}", "--images=3", "--domain_images=4"]
    assert compare.main(["compare", *flags, *FAST]) == 0
    found = json.loads((trained / "comparison/comparison.json").read_text())
    assert list(found["figures"]) == [
        "input",
        "CycleGAN",
        "neural style, one picture",
        "neural style, whole domain",
        "truth",
    ]
    for name in list(found["figures"])[1:-1]:
        kinds = {"seconds", "mae", "content_distance", "gram_distance", "kid"}
        assert kinds <= found["figures"][name].keys()
    assert found["setting"]["domain_pictures"] == 4
    assert found["setting"]["iterations"] == 2
    assert found["costs"]["training"] > 0
    assert found["costs"]["break_even_pictures"] >= 1
    assert read_image(trained / "comparison/comparison.png").ndim == 3
    out = capsys.readouterr().out
    assert f"page:    {trained}/comparison/comparison.html" in out
    assert "Training pays off from" in out


def test_of_a_step_without_a_clock_the_cost_is_unknown(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [f"--workdir={trained}", "--step=1", "--images=1", "--domain_images=1", *FAST]
    assert compare.main(["compare", *flags]) == 0
    folder = trained / "evaluation/step-00000001/comparison"
    found = json.loads((folder / "comparison.json").read_text())
    assert found["setting"]["step"] == 1
    assert found["costs"]["training"] is None
    assert "was not recorded" in capsys.readouterr().out


def test_direction_style_and_output_are_chosen(trained: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "style.png", np.full((30, 30, 3), 77, np.uint8))
    flags = [f"--workdir={trained}", "--direction=b2a", f"--style={tmp_path / 'style.png'}"]
    flags += ["--images=1", f"--output={tmp_path / 'out'}", *FAST]
    assert compare.main(["compare", *flags]) == 0
    found = json.loads((tmp_path / "out/comparison.json").read_text())
    assert found["setting"]["direction"] == "b2a"
    assert found["setting"]["domain_pictures"] == 6  # All of trainA.
    assert "kid" not in found["figures"]["CycleGAN"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--images=0"], "--images=0: expected at least 1"),
        (["--domain_images=0"], "--domain_images=0: expected at least 1"),
        (["--style=nowhere.png"], "nowhere.png"),
        (["--iterations=0"], "--iterations=0: expected at least 1"),
        (["--image_size=32"], "image_size"),
        (["--workdir=nowhere"], "is not a run"),
    ],
)
def test_mistakes_are_named(trained: Path, flags: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        compare.main(["compare", f"--workdir={trained}", *FAST, *flags])


def test_label_maps_and_missing_directions_are_refused(
    picture_folders: Path, tmp_path: Path
) -> None:
    networks = ["--model=autoencoder", "--norm=none", "--filters=2"]
    flags = [f"--data={picture_folders}", f"--workdir={tmp_path}", *TINY, *networks]
    assert train.main(["train", *flags]) == 0
    with pytest.raises(UserError, match="--direction=b2a: this run translates a2b only"):
        compare.main(["compare", f"--workdir={tmp_path}", *FAST, "--direction=b2a"])
