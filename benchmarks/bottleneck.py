"""Draws what a narrow code costs: an autoencoder's error against the number of values in its code.

    python benchmarks/bottleneck.py --workdir=runs/bottleneck

An `encoder_decoder` is trained for each width of its bottleneck, and measured on held-out
pictures. Beside it stands what is best among linear codes of as many values: the principal
components of the training pictures (`bottleneck.png`, with the numbers in `bottleneck.json`).
Runs that are in the workdir already are continued or, where they are finished, used again.
"""

import json
from pathlib import Path

import matplotlib
import numpy as np
import tensorflow as tf
from absl import app, flags

from cyclegan_tf.config import Config
from cyclegan_tf.data.pipeline import evaluation_pictures
from cyclegan_tf.evaluation.truth import Figures, truth_figures
from cyclegan_tf.training.assembly import geometry
from cyclegan_tf.training.experiment import Experiment

matplotlib.use("Agg")
import matplotlib.pyplot as plt

_WORKDIR = flags.DEFINE_string("workdir", "runs/bottleneck", "Where runs and figure are written.")
_DATA = flags.DEFINE_string("data", "avatars/blond2ginger", "As for training; domain A is taken.")
_SIZE = flags.DEFINE_integer("size", 64, "Of the pictures, in pixels, a multiple of 16.")
_WIDTHS = flags.DEFINE_list("widths", ["1", "2", "4", "8", "16", "32"], "Channels of the codes.")
_FILTERS = flags.DEFINE_integer("filters", 16, "As for training.")
_STEPS = flags.DEFINE_integer("steps", 2000, "Of each training.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 8, "As for training.")


def main(_: list[str]) -> None:
    """Trains what is missing, then writes the figure and the numbers."""
    root = Path(_WORKDIR.value)
    values: list[int] = []
    rows: dict[str, list[Figures]] = {"encoder_decoder": [], "pca": []}
    for width in map(int, _WIDTHS.value):
        experiment = Experiment(_config(width), root / f"width_{width}")
        experiment.train()
        train, test = _pictures(experiment)
        values.append(width * (_SIZE.value // 16) ** 2)
        reconstruct = tf.function(experiment.model.translators["a2b"])
        rows["encoder_decoder"].append(_figures([reconstruct(picture) for picture in test], test))
        linear = PrincipalComponents(np.concatenate(train))
        rows["pca"].append(_figures([linear(picture, values[-1]) for picture in test], test))
    result = {"data": _DATA.value, "steps": _STEPS.value, "values": values, **rows}
    (root / "bottleneck.json").write_text(json.dumps(result, indent=2) + "\n")
    _draw(values, rows, root / "bottleneck.png")
    print(json.dumps(result))
