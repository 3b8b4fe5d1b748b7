"""Plots why L1 and L2 losses blur: three runs that differ only in their loss.

    python benchmarks/blur.py --workdir=runs/blur

One generator is trained on the same pairs with the L2 loss, with the L1 loss, and with L1 and
pix2pix' discriminator. If the input does not determine the target, L2 learns the mean of all
possible targets and L1 their median; pix2pix learns to generate one of them. The figure
(`blur.png`) shows held-out images and, above each column, the mean absolute error and the mean
sharpness of all of them (see `evaluation/sharpness.py`). `blur.json` contains the metrics.

Existing runs in the workdir are resumed, or reused if finished. With the defaults it takes about
15 minutes on two CPU cores.
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

_WORKDIR = flags.DEFINE_string("workdir", "runs/blur", "Folder for the runs and the figure.")
_DATA = flags.DEFINE_string("data", "earth/satellite2relief", "Pairs, as in training.")
_SIZE = flags.DEFINE_integer("size", 128, "Image size in pixels.")
_GENERATOR = flags.DEFINE_string("generator", "unet_128", "As in training.")
_FILTERS = flags.DEFINE_integer("filters", 16, "As in training.")
_STEPS = flags.DEFINE_integer("steps", 3000, "Steps of each run, with one pair per step.")
_ROWS = flags.DEFINE_integer("rows", 6, "Number of test images in the figure.")

OBJECTIVES: dict[str, dict[str, Any]] = {
    "L2": {"model": "autoencoder", "task": "translate", "pixel_loss": "l2"},
    "L1": {"model": "autoencoder", "task": "translate", "pixel_loss": "l1"},
    "pix2pix": {"model": "pix2pix"},
}


def main(_: list[str]) -> None:
    """Train missing runs, then write the figure and the metrics."""
    root = Path(_WORKDIR.value)
    translations: dict[str, np.ndarray] = {}
    for name, objective in OBJECTIVES.items():
        experiment = Experiment(_config(objective), root / name.lower())
        experiment.train()
        inputs, translations[name], targets = _translated(experiment)
    figures = {
        name: {
            "mae": float(np.abs(np.subtract(made, targets, dtype=np.float64)).mean()),
            "sharpness": float(sharpness(made, targets).mean()),
        }
        for name, made in translations.items()
    }
    result = {"data": _DATA.value, "steps": _STEPS.value, "pictures": len(targets)} | figures
    (root / "blur.json").write_text(json.dumps(result, indent=2) + "\n")
    titles = {
        name: f"{name}\nMAE {row['mae']:.1f}, sharpness {row['sharpness']:.2f}"
        for name, row in figures.items()
    }
    columns = {"input": inputs} | {titles[name]: translations[name] for name in titles}
    _draw(columns | {"target": targets}, root / "blur.png")
    print(json.dumps(result))


def _config(objective: dict[str, Any]) -> Config:
    # Instance norm and no dropout make the translation a deterministic function of the input.
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
            # Without averaging, the last few steps would dominate the result.
            "ema": 0.99,
            "schedule": "constant",
            "max_steps": _STEPS.value,
            "sample_every": _STEPS.value,
        }
    )


def _translated(experiment: Experiment) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all test images, their translations and their targets, uint8."""
    test, fit = experiment.test_data, geometry(experiment.config)
    if test is None:
        raise app.UsageError(f"--data={_DATA.value} has no test images")
    translate = tf.function(experiment.model.translators["a2b"])
    inputs, targets = (list(evaluation_pictures(domain, fit)) for domain in (test.a, test.b))
    made = [translate(image) for image in inputs]
    return tuple(to_uint8(tf.concat(column, 0)).numpy() for column in (inputs, made, targets))


def _draw(columns: dict[str, np.ndarray], path: Path) -> None:
    """Plot evenly spaced images of the test set, one column per title."""
    count = len(next(iter(columns.values())))
    shown = np.linspace(0, count - 1, min(_ROWS.value, count)).astype(int)
    figure, axes = plt.subplots(
        *(len(shown), len(columns)),
        figsize=(2.2 * len(columns), 2.2 * len(shown) + 0.4),
        squeeze=False,
        layout="constrained",
    )
    for column, (title, images) in enumerate(columns.items()):
        axes[0, column].set_title(title, fontsize=10)
        for row, number in enumerate(shown):
            axes[row, column].imshow(images[number], interpolation="nearest")
            axes[row, column].axis("off")
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    app.run(main)
