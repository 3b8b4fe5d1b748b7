"""Whole runs move between the two TensorFlow stacks.

`make addons-test` runs this on the addons stack, with the default stack's interpreter in
CYCLEGAN_TF_OTHER_PYTHON.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cyclegan_tf import compat, train, translate
from cyclegan_tf.images.images import write_image
from cyclegan_tf.models.normalization import InstanceNormalization
from cyclegan_tf.runs.run import Run

OTHER = os.environ.get("CYCLEGAN_TF_OTHER_PYTHON")
TINY = (
    "--generator=gated_resnet_1",
    "--filters=4",
    "--discriminator_layers=1",
    "--load_size=36",
    "--crop_size=32",
    "--batch_size=2",
    "--pool_size=3",
    "--ema=0.9",
    "--log_every=1",
)
LOAD_AND_RUN = """
import sys, numpy as np
from cyclegan_tf.runs.run import Run
workdir, inputs, outputs = sys.argv[1:]
generators = Run.open(workdir).generators
x = np.load(inputs)
np.savez(outputs, **{direction: generator(x) for direction, generator in generators.items()})
"""

needs_both = pytest.mark.skipif(
    OTHER is None, reason="needs CYCLEGAN_TF_OTHER_PYTHON, as in `make addons-test`"
)


def here(*arguments: str) -> None:
    assert train.main(["train", *arguments]) == 0


def there(*arguments: str) -> None:
    subprocess.run([str(OTHER), "-m", "cyclegan_tf.train", *arguments], check=True)


def generator_losses(workdir: Path) -> list[float]:
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["generator_loss"] for line in lines]


@pytest.mark.skipif(compat.KERAS_3, reason="tensorflow-addons is on the addons stack only")
def test_instance_normalization_is_that_of_tensorflow_addons() -> None:
    own = InstanceNormalization.__base__
    assert own is not None
    assert own.__module__.startswith("tensorflow_addons.")
    assert own.__name__ == "InstanceNormalization"


@needs_both
@pytest.mark.parametrize(("first", "second"), [(there, here), (here, there)])
def test_a_run_moves_and_continues(
    first: Callable[..., None],
    second: Callable[..., None],
    picture_folders: Path,
    tmp_path: Path,
) -> None:
    workdir = tmp_path / "run"
    first(f"--data={picture_folders}", f"--workdir={workdir}", *TINY, "--max_steps=4")

    inputs, outputs = tmp_path / "x.npy", tmp_path / "y.npz"
    x = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    np.save(inputs, x)
    arguments = ("-c", LOAD_AND_RUN, str(workdir), str(inputs), str(outputs))
    subprocess.run([str(OTHER), *arguments], check=True)
    theirs = np.load(outputs)
    for direction, generator in Run.open(workdir).generators.items():
        assert np.abs(np.asarray(generator(x)) - theirs[direction]).max() < 1e-4

    second(f"--workdir={workdir}", "--max_steps=7")
    # What continues is the run itself: the next steps are those that it would have taken.
    alone = tmp_path / "alone"
    first(f"--data={picture_folders}", f"--workdir={alone}", *TINY, "--max_steps=7")
    moved, stayed = (generator_losses(path) for path in (workdir, alone))
    assert len(moved) == 7
    # The first continued step has seen no rounding but its own.
    assert moved[4] == pytest.approx(stayed[4], rel=1e-4)
    assert moved == pytest.approx(stayed, rel=0.1)


@needs_both
def test_this_stack_translates_what_the_other_trained(
    picture_folders: Path, tmp_path: Path
) -> None:
    workdir = tmp_path / "run"
    there(f"--data={picture_folders}", f"--workdir={workdir}", *TINY, "--max_steps=1")
    write_image(tmp_path / "in/x.png", np.full((30, 21, 3), 90, np.uint8))
    flags = [f"--workdir={workdir}", f"--input={tmp_path / 'in'}", f"--output={tmp_path / 'out'}"]
    assert translate.main(["translate", *flags]) == 0
    assert (tmp_path / "out/x.png").exists()
