"""Draws why L1 and L2 blur: three trainings that differ in nothing but what they minimize.

    python benchmarks/blur.py --workdir=runs/blur

One generator is trained on the same pairs with the squared difference, with the absolute one and
with pix2pix' discriminator added to it. Where the input leaves the answer open, the first learns
the mean of all answers and the second their median; pix2pix learns to give one of them. The
figure (`blur.png`) shows held-out pictures, and over each column the mean absolute error and the
mean sharpness on all of them (see `evaluation/sharpness.py`); `blur.json` has the numbers.

Runs that are in the workdir already are continued or, where they are finished, used again. With
the defaults it takes about a quarter of an hour on two CPU cores.
"""

import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import tensorflow as tf
from absl import app, flags

from cyclegan_tf.config.config import Config
from cyclegan_tf.data.pipeline import evaluation_pictures
from cyclegan_tf.evaluation.sharpness import sharpness
from cyclegan_tf.images.images import to_uint8
from cyclegan_tf.runs.assembly import geometry
from cyclegan_tf.runs.experiment import Experiment

matplotlib.use("Agg")
import matplotlib.pyplot as plt

_WORKDIR = flags.DEFINE_string("workdir", "runs/blur", "Where runs and figure are written.")
_DATA = flags.DEFINE_string("data", "earth/satellite2relief", "Pairs, as for training.")
_SIZE = flags.DEFINE_integer("size", 128, "Of the pictures, in pixels.")
_GENERATOR = flags.DEFINE_string("generator", "unet_128", "As for training.")
_FILTERS = flags.DEFINE_integer("filters", 16, "As for training.")
_STEPS = flags.DEFINE_integer("steps", 3000, "Of each training, with one pair each.")
_ROWS = flags.DEFINE_integer("rows", 6, "Test pictures shown.")

OBJECTIVES: dict[str, dict[str, Any]] = {
    "L2": {"model": "autoencoder", "task": "translate", "pixel_loss": "l2"},
    "L1": {"model": "autoencoder", "task": "translate", "pixel_loss": "l1"},
    "pix2pix": {"model": "pix2pix"},
}


def main(_: list[str]) -> None:
    """Trains what is missing, then writes the figure and the numbers."""
    root = Path(_WORKDIR.value)
    pictures: dict[str, np.ndarray] = {}
    for name, objective in OBJECTIVES.items():
        experiment = Experiment(_config(objective), root / name.lower())
        experiment.train()
        inputs, pictures[name], truths = _translated(experiment)
    figures = {
        name: {
            "mae": float(np.abs(np.subtract(made, truths, dtype=np.float64)).mean()),
            "sharpness": float(sharpness(made, truths).mean()),
        }
        for name, made in pictures.items()
    }
    result = {"data": _DATA.value, "steps": _STEPS.value, "pictures": len(truths)} | figures
    (root / "blur.json").write_text(json.dumps(result, indent=2) + "\n")
    titles = {
        name: f"{name}\nMAE {row['mae']:.1f}, sharpness {row['sharpness']:.2f}"
        for name, row in figures.items()
    }
    columns = {"input": inputs} | {titles[name]: pictures[name] for name in titles}
    _draw(columns | {"truth": truths}, root / "blur.png")
    print(json.dumps(result))


def _config(objective: dict[str, Any]) -> Config:
    # Instance norm and no dropout: what is compared then is one function of the input.
    return Config.of(objective["model"]).replace(
        {
            **objective,
            "data": _DATA.value,
            "load_size": _SIZE.value,
            "crop_size": _SIZE.value,
            "augment": "flip",
            "generator": _GENERATOR.value,
            "filters": _FILTERS.value,
            "norm": "instance",
            "dropout": False,
            "upsampling": "resize",
            # The last few steps alone would decide about a figure otherwise.
            "ema": 0.99,
            "schedule": "constant",
            "max_steps": _STEPS.value,
            "sample_every": _STEPS.value,
        }
    )


def _translated(experiment: Experiment) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gives all test pictures, their translations and their truths, uint8."""
    test, fit = experiment.test_data, geometry(experiment.config)
    if test is None:
        raise app.UsageError(f"--data={_DATA.value} has no test pictures")
    translate = tf.function(experiment.model.translators["a2b"])
    inputs, truths = (list(evaluation_pictures(domain, fit)) for domain in (test.a, test.b))
    made = [translate(picture) for picture in inputs]
    return tuple(to_uint8(tf.concat(column, 0)).numpy() for column in (inputs, made, truths))


def _draw(columns: dict[str, np.ndarray], path: Path) -> None:
    """Draws pictures from all over the test set, a column for each title."""
    count = len(next(iter(columns.values())))
    shown = np.linspace(0, count - 1, min(_ROWS.value, count)).astype(int)
    figure, axes = plt.subplots(
        *(len(shown), len(columns)),
        figsize=(2.2 * len(columns), 2.2 * len(shown) + 0.4),
        squeeze=False,
        layout="constrained",
    )
    for column, (title, pictures) in enumerate(columns.items()):
        axes[0, column].set_title(title, fontsize=10)
        for row, number in enumerate(shown):
            axes[row, column].imshow(pictures[number], interpolation="nearest")
            axes[row, column].axis("off")
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    app.run(main)
