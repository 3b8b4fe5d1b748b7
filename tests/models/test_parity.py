"""Ours against PyTorch: outputs, gradients and steps, from the same weights and pictures.

What PyTorch makes of them is computed, and where it is missing read from `parity_values.npz`,
which holds samples (see `make_parity_values.py`). Weights are random functions of their names in
PyTorch, and so need no storing.

Rounding grows too fast to compare free steps at the published learning rate: PyTorch's own
float32 is 10% away from its float64 after five. So either PyTorch's state is taken over before
each step, or the rate is a hundredth.
"""

import functools
import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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

    torch.set_num_threads(1)
except ImportError:
    torch = None

STORED = Path(__file__).parent / "parity_values.npz"

# Architecture, norm, and whose statistics batch norm takes: of the two pictures that are trained
# on, of the single one that is tested on, or running ones.
NETWORKS = [
    f"{architecture} {rest}"
    for architecture in ("resnet_6", "resnet_9", "unet_128", "unet_256")
    for rest in ("instance running", "batch training", "batch own", "batch running")
]
NETWORKS += ["resnet_6 none running", "unet_128 none running", "resnet_9 instance own wide"]
NETWORKS += [
    f"{architecture} {norm} training"
    for architecture in ("patch_1", "patch_2", "patch_3", "patch_4", "patch_5", "pixel_1")
    for norm in ("instance", "batch")
]
# In short steps, rates are too low for the order of pix2pix's updates to matter.
TRAININGS = [f"cyclegan {mode}" for mode in ("lsgan", "vanilla", "hinge", "wgangp")]
TRAININGS += ["pix2pix vanilla"]
PUBLISHED = ["cyclegan lsgan", "pix2pix vanilla"]
RATE = 2e-4
ALPHA = np.array([0.3, 0.8], np.float32)  # Of a gradient penalty.


@dataclass
class Theirs:
    """What PyTorch gives: outputs or gradients by name, and the losses of steps."""

    shapes: dict[str, dict[str, tuple[int, ...]]]
    arrays: dict[str, np.ndarray]
    losses: dict[str, list[dict[str, float]]] = field(default_factory=dict)


@dataclass
class Step:
    """One step of PyTorch's."""

    before: dict[str, Any]
    losses: dict[str, float]
    gradients: dict[str, np.ndarray]
    after: dict[str, Any]


def random_pictures(batch, side, seed, channels=3):
    # NumPy promises that this generator stays what it is.
    values = np.random.RandomState(seed).uniform(-1, 1, (batch, channels, *side))
    return values.astype(np.float32)


def pictures(case):
    """Of two sizes, NCHW."""
    kind, number = case.split()[0].split("_")
    sides = {
        "resnet": [(32, 32), (40, 48)],
        "unet": [(int(number), int(number)), (int(number), 2 * int(number))],
        "patch": [(128, 128), (96, 160)],
        "pixel": [(8, 8), (5, 7)],
    }[kind]
    return [random_pictures(1 if "own" in case else 2, side, sum(side)) for side in sides]


def pair(case, number):
    side = (24, 16) if case.startswith("cyclegan") else (32, 64)
    return [random_pictures(2, side, 2 * number + domain) for domain in range(2)]


def sample(array):
    """A few of an array's numbers, always from the same places."""
    return array.ravel()[np.random.RandomState(0).randint(0, array.size, 48)]


def random_weights(shapes, network=""):
    """Weights, biases and statistics for a `state_dict`, such that activations stay near 1."""
    return {key: _random(f"{network} {key}", shape) for key, shape in shapes.items()}


def _random(name, shape):
    if name.endswith("num_batches_tracked"):
        return np.array(0)
    noise = np.random.RandomState(zlib.crc32(name.encode())).normal(size=shape)
    if len(shape) == 4:
        values = noise / np.sqrt(np.prod(shape[1:]))
    elif name.endswith("running_var"):
        values = 1.0 + 0.2 * np.abs(noise)
    else:
        is_scale = name.endswith("weight")
        values = is_scale + 0.2 * noise
    return values.astype(np.float32)


# PyTorch's side.


def their_network(architecture, **options):
    kind, number = architecture.split("_")
    build = {
        "resnet": lambda: pt.ResnetGenerator(int(number), **options),
        "unet": lambda: pt.UnetGenerator(int(number).bit_length() - 1, **options),
        "patch": lambda: pt.PatchDiscriminator(int(number), **options),
        "pixel": lambda: pt.PixelDiscriminator(**options),
    }
    return build[kind]()


def fill(network, name=""):
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    weights = random_weights(shapes, name)
    network.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
    return shapes


def their_outputs(case):
    architecture, norm, statistics, *wide = case.split()
    options = {"norm": norm, "filters": 64 if wide else 4}
    if architecture.startswith(("resnet", "unet")):
        options["dropout"] = statistics == "running"
    network = their_network(architecture, **options)
    shapes = fill(network)
    network.train(statistics != "running")
    with torch.no_grad():
        outputs = [network(torch.from_numpy(images)).numpy() for images in pictures(case)]
    return Theirs({"": shapes}, {str(i): output for i, output in enumerate(outputs)})


def their_model(case, rate):
    kind, mode = case.split()
    if kind == "cyclegan":
        # 64 channels in the middle, which our convolutions treat in a way of their own.
        networks = {
            f"generator_{way}": their_network("resnet_2", filters=16) for way in ("ab", "ba")
        }
        networks |= {f"discriminator_{x}": their_network("patch_2", filters=8) for x in "ab"}
        model = pt.CycleGAN(**networks, gan_mode=mode, learning_rate=rate, pool_size=0)
    else:
        networks = {"generator_ab": their_network("unet_32", filters=4, norm="batch")}
        options = {"channels": 6, "filters": 8, "norm": "batch"}
        networks |= {"discriminator": their_network("patch_2", **options)}
        model = pt.Pix2Pix(*networks.values(), gan_mode=mode, learning_rate=rate)
    if mode == "wgangp":
        alpha = torch.from_numpy(ALPHA)
        judge = functools.partial(model.discriminator_losses, alpha_a=alpha, alpha_b=alpha)
        model.discriminator_losses = judge
    return model, networks, {name: fill(network, name) for name, network in networks.items()}


def their_state(model, networks):
    """Copies of the weights and of both Adams' states."""
    state = {}
    for name, network in networks.items():
        memory = getattr(model, f"{name.split('_')[0]}_optimizer").state
        weights = network.state_dict()
        parameters = dict(network.named_parameters())
        state[name] = {
            kind: {
                key: memory[p][kind].numpy().copy() if p in memory else np.zeros(p.shape, "f4")
                for key, p in parameters.items()
            }
            for kind in ("exp_avg", "exp_avg_sq")
        }
        state[name]["weights"] = {key: value.numpy().copy() for key, value in weights.items()}
    return state


@functools.cache
def their_steps(case, rate, count):
    model, networks, _ = their_model(case, rate)
    steps, state = [], their_state(model, networks)
    for number in range(count):
        losses = model.step(*map(torch.from_numpy, pair(case, number)))
        gradients = {
            f"{name} {key}": parameter.grad.numpy().copy()
            for name, network in networks.items()
            for key, parameter in network.named_parameters()
        }
        steps.append(Step(state, losses, gradients, state := their_state(model, networks)))
    return steps


# Our side.


def our_network(weights, **options):
    """A network of what the weights are recognized as, and its architecture."""
    tensors = without_leftovers(weights)
    known = recognize({key: value.shape for key, value in tensors.items()}, "PyTorch")
    options |= {"filters": known.filters, "norm": known.norm}
    if isinstance(known, Generator):
        channels = {"in_channels": known.in_channels, "out_channels": known.out_channels}
        network = generator(known.name, **channels, **options)
    else:
        network = discriminator(known.name, known.layers, channels=known.channels, **options)
    assign(compat.network_state(network), known, tensors, "PyTorch")
    return network, known


def our_outputs(case, shapes):
    _, _, statistics, *_ = case.split()
    options = {"eval_mode": True} if statistics == "running" else {}
    if statistics == "running":
        options["dropout"] = True
    network, _ = our_network(random_weights(shapes), **options)
    training = statistics == "training"
    return [
        network(images.transpose(0, 2, 3, 1), training=training).numpy().transpose(0, 3, 1, 2)
        for images in pictures(case)
    ]


class Ours:
    """A model of ours that PyTorch's states can be put into."""

    def __init__(self, case, shapes, strategy):
        kind, mode = case.split()
        self.strategy, self.networks = strategy, list(shapes)
        with strategy.scope():
            built = {n: our_network(random_weights(s, n)) for n, s in shapes.items()}
            networks = {name: network for name, (network, _) in built.items()}
            if kind == "cyclegan":
                self.model = CycleGAN(**networks, gan_mode=mode, image_size=(32, 32), pool_size=0)
            else:
                self.model = Pix2Pix(**networks, gan_mode=mode)
            self.model.compile(*(compat.adam(RATE) for _ in range(2)))
        self.architectures = {name: architecture for name, (_, architecture) in built.items()}
        self._step = tf.function(lambda a, b: strategy.run(self.model.train_step, args=((a, b),)))

    def variables(self, name, kind):
        network = compat.network_state(getattr(self.model, name))
        if kind == "weights":
            return network
        player = name.split("_")[0]
        trained = [compat.raw_variable(v) for v in self.model.trained_variables(player)]
        state = compat.optimizer_state(getattr(self.model, f"{player}_optimizer"))
        places = {id(variable): f"{kind}/{i}" for i, variable in enumerate(trained)}
        return {n: state[places[id(v)]] for n, v in network.items() if id(v) in places}

    def read(self, kind):
        return {
            f"{name} {key}": value
            for name, architecture in self.architectures.items()
            for key, value in to_official(self.variables(name, kind), architecture, 0).items()
        }

    def load(self, state, iterations, rate):
        for name, architecture in self.architectures.items():
            for kind, theirs in (("weights", "weights"), ("m", "exp_avg"), ("v", "exp_avg_sq")):
                tensors = without_leftovers(state[name][theirs])
                assign(self.variables(name, kind), architecture, tensors, "PyTorch")
        for optimizer in (self.model.generator_optimizer, self.model.discriminator_optimizer):
            optimizer.iterations.assign(iterations)
            optimizer.learning_rate.assign(rate)

    def step(self, pair):
        def part(images):
            parts = np.split(images.transpose(0, 2, 3, 1), self.strategy.num_replicas_in_sync)
            return self.strategy.experimental_distribute_values_from_function(
                lambda context: tf.constant(parts[context.replica_id_in_sync_group])
            )

        losses = self._step(*map(part, pair))
        return {k: float(self.strategy.experimental_local_results(v)[0]) for k, v in losses.items()}
