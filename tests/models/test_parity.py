"""Ours against PyTorch: outputs, gradients and steps, from the same weights and pictures.

Weights are random, a function of their names in PyTorch, and so need not be stored. What PyTorch
makes of them is computed, or else, where it is missing, read from `parity_values.npz`, which has
samples of it (see `make_parity_values.py`).

Rounding grows too fast to compare free steps at the published learning rate: within five of them
PyTorch's own float32 is 10% away from its float64. So before each step PyTorch's state is taken
over, or the rate is a hundredth.
"""

import functools
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf import compat
from cyclegan_tf.interchange.architecture import Generator, recognize
from cyclegan_tf.interchange.weights import assign, to_official, without_leftovers
from cyclegan_tf.models.cyclegan import CycleGAN
from cyclegan_tf.models.discriminators import discriminator
from cyclegan_tf.models.generators import generator
from cyclegan_tf.models.pix2pix import Pix2Pix

try:
    import pytorch_reference as pt
    import torch
except ImportError:
    torch = None

STORED = Path(__file__).parent / "parity_values.npz"
ALPHA = np.array([0.3, 0.8], np.float32)  # Where the gradient penalty looks.

# Architecture, norm, and whose statistics batch norm takes: those of the batch of two that is
# trained on, of the single picture that is tested on, or the running ones.
GENERATORS = [
    f"{architecture} {rest}"
    for architecture in ("resnet_6", "resnet_9", "unet_128", "unet_256")
    for rest in ("instance running", "batch training", "batch own", "batch running")
]
GENERATORS += ["resnet_6 none running", "unet_128 none running", "resnet_9 instance wide"]
DISCRIMINATORS = [
    f"{architecture} {norm} training"
    for architecture in ("patch_1", "patch_2", "patch_3", "patch_4", "patch_5", "pixel_0")
    for norm in ("instance", "batch")
]
NETWORKS = GENERATORS + DISCRIMINATORS
TRAININGS = ["cyclegan lsgan", "cyclegan vanilla", "cyclegan hinge", "cyclegan wgangp"]
TRAININGS += ["pix2pix vanilla"]
PUBLISHED = ["cyclegan lsgan", "pix2pix vanilla"]


def sides(case):
    """Two sizes of pictures, `(height, width)`, for a network."""
    kind, number = case.split()[0].split("_")
    if case.endswith("wide"):
        return [(16, 24)]
    if kind == "unet":
        return [(int(number), int(number)), (int(number), 2 * int(number))]
    return [(128, 128), (96, 160)] if kind == "patch" else [(32, 32), (40, 48)]


def random_pictures(batch, side, seed, channels=3):
    # NumPy promises never to change what this generator gives.
    values = np.random.RandomState(seed).uniform(-1, 1, (batch, channels, *side))
    return values.astype(np.float32)


def pictures(case):
    batch = 1 if case.endswith(("own", "wide")) else 2
    return [random_pictures(batch, side, seed) for seed, side in enumerate(sides(case))]


def pair(number):
    return tuple(random_pictures(2, (32, 32), 2 * number + domain) for domain in range(2))


def random_weights(shapes, network=""):
    """Weights that keep activations near 1, by their keys; biases and statistics are not trivial."""
    return {key: _random(f"{network}.{key}", shape) for key, shape in shapes.items()}


def _random(key, shape):
    if key.endswith("num_batches_tracked"):
        return np.array(0)
    noise = np.random.RandomState(zlib.crc32(key.encode())).normal(size=shape)
    if len(shape) == 4:
        values = noise / np.sqrt(np.prod(shape[1:]))
    elif key.endswith("running_var"):
        values = 1.0 + 0.2 * np.abs(noise)
    else:  # One-dimensional weights are the scales of batch norms.
        values = float(key.endswith("weight")) + 0.2 * noise
    return values.astype(np.float32)


def nhwc(images):
    return tf.constant(images.transpose(0, 2, 3, 1))


@dataclass(frozen=True)
class Step:
    """A step of PyTorch's, by the names of our networks and PyTorch's keys."""

    losses: dict
    gradients: dict
    before: dict
    after: dict


class Computed:
    """What PyTorch gives."""

    @staticmethod
    def shapes(case):
        return their_shapes(case)

    @staticmethod
    def outputs(case):
        return their_outputs(case)

    @staticmethod
    def losses(case, rate, steps):
        return [step.losses for step in their_steps(case, rate, steps)]

    @staticmethod
    def gradients(case):
        return their_steps(case, 2e-4, 5)[0].gradients

    @staticmethod
    def part(array):
        return array
