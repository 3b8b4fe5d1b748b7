"""Loads VGG weights: from Keras' download, from a file, or at random."""

import hashlib
import logging
import os
import socket
import zipfile
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from cyclegan_tf.errors import UserError
from cyclegan_tf.neural_style.features import Backbone, kernel_shapes

# From `fingerprint` of the published weights. Values are rounded to float16, so that a copy in
# float16 matches the original.
FINGERPRINTS = {"vgg16": "a74f899c6e8b184c80c758587e861083666cffb98e12e5e10291302be7ffd22f"}
_HOST = "storage.googleapis.com"
_SECONDS = 10
_REMEDIES = (
    "use `backbone_weights=FILE` with Keras' weights (.npz, .h5, .weights.h5), "
    "`backbone_weights=imagenet` with network access, or `backbone_weights=random`"
)
_log = logging.getLogger(__name__)


def load_backbone(
    backbone: str, backbone_weights: str, pooling: str = "max", seed: int = 0
) -> Backbone:
    """Create a backbone; see `load_weights` and `Backbone` for arguments and errors."""
    return Backbone(backbone, load_weights(backbone, backbone_weights, seed), pooling)


def load_weights(name: str, source: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Load the weights of a VGG without its classifier.

    Args:
        name: `vgg16` or `vgg19`.
        source: `imagenet` for Keras' own download and cache; `random`; or a file: `.npz` with
            arrays named `block1_conv1/kernel` and so on, or a file saved by Keras (`.h5`,
            `.weights.h5`).
        seed: Seed of random weights.

    Returns:
        Weights by name, float32, see `Backbone`.

    Raises:
        UserError: If the download fails, or the file is missing, damaged or of another network.
    """
    if source == "random":
        return random_weights(name, seed)
    if source == "imagenet":
        return _downloaded(name)
    path = Path(source)
    if not path.is_file():
        raise UserError(f"`backbone_weights={source}`: file not found; {_REMEDIES}")
    weights = _from_npz(path) if path.suffix == ".npz" else _from_keras(name, path)
    _check(name, weights, path)
    return weights


def has_weights(name: str, source: str) -> bool:
    """Return whether `load_weights` would find weights without a download; see its arguments."""
    return source == "random" or (_cached(name) if source == "imagenet" else Path(source)).is_file()


def random_weights(name: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Draw filters by He initialization (https://arxiv.org/abs/1502.01852), with zero biases.

    Random filters also describe textures: Ustyuzhaninov et al., https://arxiv.org/abs/1606.00021;
    He, Wang and Hopcroft, https://arxiv.org/abs/1606.04801.
    """
    rng, weights = np.random.default_rng(seed), {}
    for layer, shape in kernel_shapes(name).items():
        deviation = np.sqrt(2.0 / np.prod(shape[:3]))
        weights[f"{layer}/kernel"] = rng.normal(0.0, deviation, shape).astype(np.float32)
        weights[f"{layer}/bias"] = np.zeros(shape[-1:], np.float32)
    return weights


def fingerprint(weights: Mapping[str, np.ndarray]) -> str:
    """Compute the SHA-256 of weights rounded to float16, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(weights[name], np.float16).tobytes())
    return digest.hexdigest()


def _check(name: str, weights: Mapping[str, np.ndarray], path: Path) -> None:
    for layer, values in weights.items():
        if not np.all(np.isfinite(values)):
            raise UserError(f"{path} is damaged: {layer} holds values that are not finite")
    found = fingerprint(weights)
    if name in FINGERPRINTS and found != FINGERPRINTS[name]:
        _log.warning(
            "%s does not hold ImageNet's %s: its checksum is %s, not %s",
            *(path, name, found[:12], FINGERPRINTS[name][:12]),
        )
    else:
        _log.info("%s: checksum %s", path, found[:12])


def _from_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        # The archive's own checksums are verified when its members are read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name].astype(np.float32) for name in stored.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is damaged or not an .npz file of weights: {error}") from error


def _from_keras(name: str, path: Path) -> dict[str, np.ndarray]:
    network = _network(name, None)
    try:
        network.load_weights(path)
    except Exception as error:  # h5py and Keras raise almost every type.
        raise UserError(f"{path} does not hold weights of Keras' {name}: {error}") from error
    return _of_network(network)


def _downloaded(name: str) -> dict[str, np.ndarray]:
    """Load weights from Keras' cache, or let Keras download them and verify their checksum."""
    if not _cached(name).is_file():
        try:
            socket.create_connection((_HOST, 443), _SECONDS).close()
        except OSError as error:
            raise UserError(
                f"cannot download the weights of {name} from {_HOST} ({error}); {_REMEDIES}"
            ) from error
    try:
        return _of_network(_network(name, "imagenet"))
    except Exception as error:  # urllib, h5py and Keras raise almost every type.
        raise UserError(f"cannot download the weights of {name}: {error}; {_REMEDIES}") from error


def _cached(name: str) -> Path:
    """Return where Keras stores the weights that it downloads."""
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    return home / "models" / f"{name}_weights_tf_dim_ordering_tf_kernels_notop.h5"


def _network(name: str, weights: str | None) -> keras.Model:
    make = {"vgg16": keras.applications.VGG16, "vgg19": keras.applications.VGG19}[name]
    return make(include_top=False, weights=weights)


def _of_network(network: keras.Model) -> dict[str, np.ndarray]:
    weights = {}
    for layer in network.layers:
        for part, values in zip(("kernel", "bias"), layer.get_weights(), strict=False):
            weights[f"{layer.name}/{part}"] = values
    return weights
