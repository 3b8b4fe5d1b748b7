"""Lossless conversion of weights between the official PyTorch code and Keras."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from cyclegan_tf.errors import UserError
from cyclegan_tf.interchange.architecture import Discriminator, Generator

_PARAMETERS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_BATCHES = "num_batches_tracked"
# Kernels in PyTorch are (out, in, height, width), or (in, out, height, width) if transposed;
# in Keras, height and width come first and the other two in reverse order.
_TO_KERAS, _TO_PYTORCH = (2, 3, 1, 0), (3, 2, 0, 1)


def without_leftovers(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Remove tensors that no network uses.

    These are the batch counts and, in old files, the running statistics of instance norms,
    recognizable by the missing weight.

    Args:
        tensors: Arrays by key.
    """
    statistics = (".running_mean", ".running_var")
    return {
        key: tensor
        for key, tensor in tensors.items()
        if not key.endswith(f".{_BATCHES}")
        and not (key.endswith(statistics) and f"{key.rpartition('.')[0]}.weight" not in tensors)
    }


def assign(
    state: Mapping[str, tf.Variable],
    architecture: Generator | Discriminator,
    tensors: Mapping[str, np.ndarray],
    source: str,
) -> None:
    """Assign the weights of an official network to a Keras network.

    Args:
        state: Variables, from `compat.network_state`.
        architecture: Architecture of both networks.
        tensors: Arrays by key, from `without_leftovers`.
        source: Name of the file for errors.

    Raises:
        UserError: If a tensor is missing, unexpected, of another shape or not finite.
    """
    keys = _keys(state, architecture)
    shapes = {keys[name]: _to_pytorch(state[name]).shape for name in keys}
    if problems := _problems(shapes, {key: tensor.shape for key, tensor in tensors.items()}):
        raise UserError(f"{source} does not match the {architecture}: {'; '.join(problems)}")
    for name, key in keys.items():
        value = tensors[key]
        if not np.isfinite(value).all():
            raise UserError(f"{source}: {key} holds values that are not finite")
        state[name].assign(value.transpose(_TO_KERAS) if value.ndim == 4 else value)


def to_official(
    state: Mapping[str, tf.Variable], architecture: Generator | Discriminator, batches: int
) -> dict[str, np.ndarray]:
    """Return the complete `state_dict` of the official network, as arrays.

    Args:
        state: Variables, from `compat.network_state`.
        architecture: Architecture of both networks.
        batches: Number of batches that batch norms were trained on.
    """
    tensors = {}
    for name, key in _keys(state, architecture).items():
        tensors[key] = np.ascontiguousarray(_to_pytorch(state[name]))
        if key.endswith("running_var"):
            tensors[key.replace("running_var", _BATCHES)] = np.array(batches, np.int64)
    return tensors


def _to_pytorch(variable: tf.Variable) -> np.ndarray:
    value = variable.numpy()
    return value.transpose(_TO_PYTORCH) if value.ndim == 4 else value


def _keys(
    state: Mapping[str, tf.Variable], architecture: Generator | Discriminator
) -> dict[str, str]:
    """Map names of our variables to official keys, without variables that only we have."""
    keys, places = {}, architecture.places
    for name in state:
        layer, variable = name.split("/")
        if variable in _PARAMETERS:
            part, kind = layer.rsplit("_", 1)
            outer, number = places[part].rsplit(".", 1)
            place = int(number) + (kind == "norm")
            keys[name] = f"{outer}.{place}.{_PARAMETERS[variable]}"
    return keys


def _problems(
    expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]
) -> list[str]:
    problems = []
    for what, keys in (
        ("missing:", [key for key in expected if key not in found]),
        ("unexpected:", [key for key in found if key not in expected]),
    ):
        if keys:
            more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            problems.append(f"{what} {', '.join(keys[:3])}{more}")
    wrong = [key for key in expected if key in found and expected[key] != found[key]]
    problems += [f"{key} is {found[key]}, not {expected[key]}" for key in wrong[:1]]
    return problems
