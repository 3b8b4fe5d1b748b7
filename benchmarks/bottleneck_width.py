"""Plots an autoencoder's error against the number of values in its code.

    python benchmarks/bottleneck_width.py --workdir=runs/bottleneck

An `encoder_decoder` is trained for each width of its bottleneck and evaluated on held-out images.
The baseline is the best linear code of the same length: the principal components of the same
training images. `bottleneck.png` is the figure, `bottleneck.json` contains the metrics.

Existing runs in the workdir are resumed, or reused if finished. With the defaults it takes about
10 minutes on two CPU cores.
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

_WORKDIR = flags.DEFINE_string("workdir", "runs/bottleneck", "Folder for the runs and the figure.")
_DATA = flags.DEFINE_string("data", "earth/satellite2relief", "As in training; domain A is used.")
_SIZE = flags.DEFINE_integer("size", 64, "Image size in pixels, a multiple of 16.")
_WIDTHS = flags.DEFINE_list("widths", ["1", "2", "4", "8", "16", "32"], "Channels of each code.")
_FILTERS = flags.DEFINE_integer("filters", 16, "As in training.")
_EPOCHS = flags.DEFINE_integer("epochs", 10, "Epochs at the full rate, then as many with decay.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 8, "As in training.")


def main(_: list[str]) -> None:
    """Train missing runs, then write the figure and the metrics."""
    root = Path(_WORKDIR.value)
    widths = [int(width) for width in _WIDTHS.value]
    experiments = [Experiment(_config(width), root / f"width_{width}") for width in widths]
    train, test = _images(experiments[0])
    mean, components = principal_components(np.concatenate(train))
    rows: dict[int, dict[str, Figures]] = {}
    for width, experiment in zip(widths, experiments, strict=True):
        experiment.train()
        network = tf.function(experiment.model.translators["a2b"])
        values = width * (_SIZE.value // 16) ** 2
        best = components[:values]
        rows[values] = {
            "autoencoder": _figures([network(image) for image in test], test),
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
            # Both methods use the same images.
            "augment": "none",
            "batch_size": _BATCH_SIZE.value,
            "filters": _FILTERS.value,
            "bottleneck": width,
            # Norms would remove the brightness and colour of the image from the code.
            "norm": "none",
            "init_weights": "kaiming",
            "learning_rate": 1e-3,
            "epochs": _EPOCHS.value,
            "decay_epochs": _EPOCHS.value,
            "sample_every": 10**6,
        }
    )


def _images(experiment: Experiment) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return training and test images, float32 `(1, height, width, 3)` in [-1, 1] each."""
    test, fit = experiment.test_data, geometry(experiment.config)
    if test is None:
        raise app.UsageError(f"--data={_DATA.value} has no test images")
    train, held_out = (
        [image.numpy() for image in evaluation_pictures(domain, fit)]
        for domain in (experiment.train_data.a, test.a)
    )
    return train, held_out


def _figures(reconstructed: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> Figures:
    figures = truth_figures(reconstructed, targets, targets)["translation"]
    return {name: figures[name] for name in ("mae", "psnr")}


def principal_components(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the principal components of images.

    Args:
        images: Float `(number, height, width, channels)`.

    Returns:
        The mean image, `(n,)` for n values per image, and orthonormal components by decreasing
        variance, `(k, n)`, where k is the smaller of the number of images and n.

    Reference:
        Pearson, https://doi.org/10.1080/14786440109462720
    """
    flat = images.reshape(len(images), -1)
    mean = flat.mean(axis=0)
    return mean, np.linalg.svd(flat - mean, full_matrices=False)[2]


def project(images: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Encode images by their coefficients of some components, and reconstruct them."""
    code = (images.reshape(len(images), -1) - mean) @ components.T
    return (code @ components + mean).reshape(images.shape)


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
