"""Trains the run in `tests/workdirs/v0_1_0`, which every later version has to read.

Version 0.1.0 trained it, on TensorFlow 2.21. It is not trained again: a newer version would only
show that it reads its own files.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tensorflow as tf
from PIL import Image

STORED = Path(__file__).with_name("v0_1_0")
DATA = "pictures"
OPTIONS = {
    "data": DATA,
    "generator": "resnet_1",
    "filters": 3,
    "discriminator_layers": 1,
    "load_size": 20,
    "crop_size": 16,
    "batch_size": 2,
    "pool_size": 3,
    "ema": 0.9,
    "epochs": 3,
    "decay_epochs": 3,
    "max_steps": 4,
    "log_every": 1,
    "sample_every": 100,
}


def write_pictures(root: Path) -> None:
    """Writes trainA, trainB, testA and testB: 5 or 2 images of 20x20 pixels each, as PNG."""
    rng = np.random.default_rng(10)
    for domain, count in (("trainA", 5), ("trainB", 5), ("testA", 2), ("testB", 2)):
        (root / domain).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 256, (5, 5, 3)).repeat(4, axis=0).repeat(4, axis=1)
            Image.fromarray(pixels.astype(np.uint8)).save(root / domain / f"{number}.png")


def hashes(state: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, str]:
    """Returns a SHA-256 hash of the values of each group, in the order of their names."""
    found = {}
    for group, values in sorted(state.items()):
        digest = hashlib.sha256()
        for name, value in sorted(values.items()):
            digest.update(name.encode() + np.asarray(value).tobytes())
        found[group] = digest.hexdigest()
    return found


def stored_values(checkpoint: Path) -> dict[str, dict[str, np.ndarray]]:
    """Reads a checkpoint's values, by group and name, with TensorFlow alone."""
    reader = tf.train.load_checkpoint(str(checkpoint))
    state: dict[str, dict[str, np.ndarray]] = {}
    for key in reader.get_variable_to_shape_map():
        path, attribute, _ = key.partition("/.ATTRIBUTES/")
        group, _, name = path.replace(".S", "/").partition("/")
        if attribute and name:
            state.setdefault(group, {})[name] = reader.get_tensor(key)
    return state


def main() -> None:
    """Trains the run in a temporary folder and stores what later versions need of it."""
    with TemporaryDirectory() as folder:
        write_pictures(Path(folder, DATA))
        train = [f"--{name}={value}" for name, value in OPTIONS.items()]
        translate = ["--direction=a2b", f"--input={DATA}/testA", "--output=translated"]
        for command, flags in (("train", train), ("translate", [*translate, "--batch_size=1"])):
            module = [sys.executable, "-m", f"cyclegan_tf.{command}"]
            subprocess.run([*module, "--workdir=run", *flags], check=True, cwd=folder)
        shutil.rmtree(STORED, ignore_errors=True)
        # Logs for TensorBoard and the report are only ever written, never read.
        without = shutil.ignore_patterns("logs", "lock*", "report.html", "manifest.jsonl")
        for name in ("run", "translated"):
            shutil.copytree(Path(folder, name), STORED / name, ignore=without)
    checkpoint = STORED / "run/checkpoints/step-00000004"
    text = json.dumps(hashes(stored_values(checkpoint)), indent=2)
    STORED.joinpath("hashes.json").write_text(text + os.linesep)


if __name__ == "__main__":
    main()
