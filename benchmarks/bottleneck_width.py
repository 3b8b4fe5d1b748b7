"""Draws what a narrow code costs: an autoencoder's error against the number of values in its code.

    python benchmarks/bottleneck_width.py --workdir=runs/bottleneck

An `encoder_decoder` is trained for each width of its bottleneck, and measured on held-out
pictures. Beside it stands the best linear code of as many values: the principal components of
the same training pictures. `bottleneck.png` is the figure, `bottleneck.json` holds the numbers.

Runs that are in the workdir already are continued or, where they are finished, used again. With
the defaults it takes about ten minutes on two CPU cores.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import tensorflow as tf
from absl import app, flags

from cyclegan_tf.config.config import Config
from cyclegan_tf.data.pipeline import evaluation_pictures
from cyclegan_tf.evaluation.truth import Figures, truth_figures
from cyclegan_tf.runs.assembly import geometry
from cyclegan_tf.runs.experiment import Experiment

matplotlib.use("Agg")
import matplotlib.pyplot as plt

_WORKDIR = flags.DEFINE_string("workdir", "runs/bottleneck", "Where runs and figure are written.")
_DATA = flags.DEFINE_string("data", "earth/satellite2relief", "As for training; domain A is taken.")
_SIZE = flags.DEFINE_integer("size", 64, "Of the pictures, in pixels, a multiple of 16.")
_WIDTHS = flags.DEFINE_list("widths", ["1", "2", "4", "8", "16", "32"], "Channels of the codes.")
_FILTERS = flags.DEFINE_integer("filters", 16, "As for training.")
_EPOCHS = flags.DEFINE_integer("epochs", 10, "At the full learning rate; as many more follow.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 8, "As for training.")


def main(_: list[str]) -> None:
    """Trains what is missing, then writes the figure and the numbers."""
    root = Path(_WORKDIR.value)
    widths = [int(width) for width in _WIDTHS.value]
    experiments = [Experiment(_config(width), root / f"width_{width}") for width in widths]
    train, test = _pictures(experiments[0])
    mean, components = principal_components(np.concatenate(train))
    rows: dict[int, dict[str, Figures]] = {}
    for width, experiment in zip(widths, experiments, strict=True):
        experiment.train()
        network = tf.function(experiment.model.translators["a2b"])
        values = width * (_SIZE.value // 16) ** 2
        best = components[:values]
        rows[values] = {
            "autoencoder": _figures([network(picture) for picture in test], test),
            "principal components": _figures([project(x, mean, best) for x in test], test),
        }
    result = {
        "data": _DATA.value,
        "epochs": 2 * _EPOCHS.value,
        "pictures": len(test),
        "values": rows,
    }
    (root / "bottleneck.json").write_text(json.dumps(result, indent=2) + "\n")
    _draw(rows, root / "bottleneck.png")
    print(json.dumps(result))


def _config(width: int) -> Config:
    return Config.of("autoencoder").replace(
        {
            "data": _DATA.value,
            "load_size": _SIZE.value,
            "crop_size": _SIZE.value,
            # Both methods see the same pictures.
            "augment": "none",
            "batch_size": _BATCH_SIZE.value,
            "filters": _FILTERS.value,
            "bottleneck": width,
            # Norms keep a code from saying how bright and how coloured a picture is.
            "norm": "none",
            "init_weights": "kaiming",
            "learning_rate": 1e-3,
            "epochs": _EPOCHS.value,
            "decay_epochs": _EPOCHS.value,
            "sample_every": 10**6,
        }
    )


def _pictures(experiment: Experiment) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Gives training and test pictures, float32 `(1, height, width, 3)` in [-1, 1] each."""
    test, fit = experiment.test_data, geometry(experiment.config)
    if test is None:
        raise app.UsageError(f"--data={_DATA.value} has no test pictures")
    train, held_out = (
        [picture.numpy() for picture in evaluation_pictures(domain, fit)]
        for domain in (experiment.train_data.a, test.a)
    )
    return train, held_out


def _figures(reconstructed: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> Figures:
    figures = truth_figures(reconstructed, truths, truths)["translation"]
    return {name: figures[name] for name in ("mae", "psnr")}


def principal_components(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finds the directions in which pictures differ most.

    Args:
        pictures: Float `(number, height, width, channels)`.

    Returns:
        The mean picture, `(n,)` for n values in a picture, and orthonormal directions by falling
        variance, `(k, n)`: as many as there are pictures or values, whichever is less.

    Reference:
        Pearson, https://doi.org/10.1080/14786440109462720
    """
    flat = pictures.reshape(len(pictures), -1)
    mean = flat.mean(axis=0)
    return mean, np.linalg.svd(flat - mean, full_matrices=False)[2]


def project(pictures: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Codes pictures by their parts along some components, and draws them from these again."""
    code = (pictures.reshape(len(pictures), -1) - mean) @ components.T
    return (code @ components + mean).reshape(pictures.shape)


def _draw(rows: dict[int, dict[str, Figures]], path: Path) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for axis, kind, label in zip(axes, ("mae", "psnr"), ("MAE / 255", "PSNR / dB"), strict=True):
        for name, style in (("principal components", "s--"), ("autoencoder", "o-")):
            axis.plot(list(rows), [row[name][kind] for row in rows.values()], style, label=name)
        axis.set_xscale("log", base=2)
        axis.set_xlabel(f"values in the code of {_SIZE.value}x{_SIZE.value} pixels")
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    app.run(main)
