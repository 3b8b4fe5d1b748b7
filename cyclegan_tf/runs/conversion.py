"""Converting runs from and to checkpoints of the official PyTorch code.

A converted run has a checkpoint of step 0 that contains networks only. Until training writes
another checkpoint, the architecture is fixed and all other options may change.
"""

import dataclasses
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from cyclegan_tf.config.config import Config
from cyclegan_tf.config.direction import Direction
from cyclegan_tf.config.generators import GeneratorSpec
from cyclegan_tf.errors import UserError
from cyclegan_tf.interchange.architecture import Discriminator, Generator, recognize
from cyclegan_tf.interchange.files import find_networks, read_tensors, write_tensors
from cyclegan_tf.interchange.weights import assign, to_official, without_leftovers
from cyclegan_tf.runs import assembly
from cyclegan_tf.runs.workdir import Workdir
from cyclegan_tf.training.checkpoints import Checkpoints
from cyclegan_tf.training.records import step_name

_log = logging.getLogger(__name__)

State = Mapping[str, Mapping[str, tf.Variable]]

# Our networks' names in the official code, where a discriminator is named after its generator.
OFFICIAL = {
    "cyclegan": {
        "generator_ab": "G_A",
        "generator_ba": "G_B",
        "discriminator_b": "D_A",
        "discriminator_a": "D_B",
    },
    "pix2pix": {"generator_ab": "G", "discriminator": "D"},
}


@dataclass(frozen=True)
class _Official:
    """A network of an official checkpoint, as read."""

    file: Path
    tensors: dict[str, np.ndarray]
    architecture: Generator | Discriminator


@dataclass(frozen=True)
class Written:
    """The files that `to_pytorch` wrote.

    Attributes:
        files: The files by network, such as `generator_ab`; `average_ab` if the run keeps
            averages, which are written instead of the generators.
        options: The options that make the official code build these networks.
    """

    files: dict[str, Path]
    options: str


def from_pytorch(source: str | Path, workdir: str | Path) -> dict[str, Path]:
    """Convert an official PyTorch checkpoint to a run.

    Args:
        source: Folder with the files of one epoch, or the file of one generator.
        workdir: Folder for the run.

    Returns:
        The files that were read, by the names of our networks. Translating in a direction needs
        its generator; training needs all generators and discriminators.

    Raises:
        UserError: If a file cannot be read, is not a supported network or does not match the
            others; or if the workdir already contains a run.
    """
    found = {name: _read(name, file) for name, file in find_networks(Path(source)).items()}
    model, names = _identify(found)
    networks = {own: found[name] for own, name in names.items() if name in found}
    config = _configuration(model, networks, source)
    state = {name: group for name, group in _networks(config).items() if name in networks}
    for name, network in networks.items():
        assign(state[name], network.architecture, network.tensors, str(network.file))
    files = Workdir(Path(workdir))
    with files.locked():
        checkpoints = Checkpoints(files.checkpoints, state)
        if files.config.exists() or any(checkpoints.steps()):
            raise UserError(f"`workdir={workdir}` already contains a run; choose another folder")
        checkpoints.save(0)
        # Written last: a folder without configuration does not count as a run.
        files.store_config(config)
    return {name: network.file for name, network in networks.items()}


def to_pytorch(workdir: str | Path, folder: str | Path, step: int | None = None) -> Written:
    """Convert the networks of a run to an official PyTorch checkpoint.

    Args:
        workdir: Folder of a run that has a checkpoint.
        folder: Folder for the files `latest_net_G_A.pth` and so on.
        step: Step of the checkpoint; None for the newest readable one.

    Raises:
        UserError: If the official code does not support these networks, there is no such
            checkpoint, or a file already exists.
    """
    files = Workdir(Path(workdir))
    config = files.run_config()
    _check_official(config)
    groups = stored_groups(files, config, OFFICIAL[config.model.model], step)
    state = _networks(config)
    wanted = {group: state[group] for group in groups.values()}
    step = Checkpoints(files.checkpoints, wanted).restore(step)
    architectures = {name: _architecture(config, name) for name in groups}
    targets = {
        name: f"latest_net_{official}.pth"
        for name, official in OFFICIAL[config.model.model].items()
        if name in groups
    }
    write_tensors(
        Path(folder),
        {targets[n]: to_official(state[groups[n]], architectures[n], step) for n in groups},
    )
    options = dict.fromkeys(option for a in architectures.values() for option in a.options)
    written = {group: Path(folder) / targets[name] for name, group in groups.items()}
    return Written(written, " ".join(options))


def stored_groups(
    files: Workdir, config: Config, names: Iterable[str], step: int | None
) -> dict[str, str]:
    """Return the checkpoint groups of the networks that are used for results.

    Args:
        files: Workdir of the run.
        config: Configuration of the run.
        names: Names of the networks.
        step: Step of the checkpoint; None for the newest.

    Returns:
        The groups by name of the network. For a generator, this is its average if the run keeps
        one. For a converted run that has not been trained, it is the converted network.
    """
    converted = untrained_networks(files, step)
    if converted is not None:
        return {name: name for name in names if name in converted}
    kind = "average" if config.optimizer.ema else "generator"
    return {name: name.replace("generator", kind) for name in names}


def untrained_networks(files: Workdir, step: int | None = None) -> set[str] | None:
    """Return the networks of a converted run that has not been trained since.

    Args:
        files: Workdir of the run.
        step: Step of a checkpoint. The converted networks stay step 0 when the run is trained.

    Returns:
        Their names; None for any other run or step.
    """
    steps = Checkpoints(files.checkpoints, {}).steps() if step is None else [step]
    if steps != [0]:
        return None
    try:
        reader = tf.train.load_checkpoint(str(files.checkpoints / step_name(0)))
    except (tf.errors.OpError, ValueError):
        return None  # Damaged: restoring it reports the error.
    groups = {name.split("/")[0] for name in reader.get_variable_to_shape_map()}
    return None if "generator_optimizer" in groups else set(filter(_is_network, groups))


def check_trainable(files: Workdir, stored: Config, networks: set[str]) -> None:
    """Check that a converted run has all networks that training needs.

    Raises:
        UserError: If a network is missing.
    """
    official = OFFICIAL[stored.model.model]
    if missing := [name for name in official if name not in networks]:
        needed = ", ".join(f"latest_net_{official[name]}.pth" for name in missing)
        raise UserError(
            f"{files.root} was converted without {', '.join(missing)}, which training needs; "
            f"convert a folder that also contains {needed} to another `workdir`"
        )


def with_architecture(config: Config, stored: Config) -> Config:
    """Return a configuration with the architecture of another one."""
    fixed = dataclasses.asdict(stored.model)
    fixed |= {"channels_a": stored.data.channels_a, "channels_b": stored.data.channels_b}
    # The initialization may differ, because all kernels are restored.
    return config.replace({k: v for k, v in fixed.items() if not k.startswith("init_")})


def restore_networks(files: Workdir, state: State) -> None:
    """Restore converted networks to start training. Averages start as copies of the generators.

    Args:
        files: Workdir of a converted run that has not been trained.
        state: State of the model to train.
    """
    networks = {name: group for name, group in state.items() if _is_network(name)}
    averages = {name: group for name, group in networks.items() if name.startswith("average")}
    copies = {name.replace("average", "generator"): group for name, group in averages.items()}
    for groups in ({n: g for n, g in networks.items() if n not in averages}, copies):
        Checkpoints(files.checkpoints, groups).restore()
    _log.info("starting from the converted networks in %s", files.root)


def _is_network(group: str) -> bool:
    kind, _, which = group.partition("_")
    return kind in ("generator", "average", "discriminator") and which != "optimizer"


def _networks(config: Config) -> State:
    """Build the networks of a run; return their variables."""
    # Image pools are not needed and would take memory.
    model = assembly.build_model(config.replace({"pool_size": 0}), steps_per_epoch=1)
    return {name: group for name, group in model.state().items() if _is_network(name)}


def _read(name: str, file: Path) -> _Official:
    tensors = without_leftovers(read_tensors(file))
    found = recognize({key: value.shape for key, value in tensors.items()}, str(file))
    expected = Generator if name.startswith("G") else Discriminator
    if not isinstance(found, expected):
        raise UserError(f"{file} contains a {found}; expected a {expected.__name__.lower()}")
    return _Official(file, tensors, found)


def _identify(found: Mapping[str, _Official]) -> tuple[str, dict[str, str]]:
    """Return the model, and the official name for each of our networks."""
    if "G" not in found:
        return "cyclegan", OFFICIAL["cyclegan"]
    if "D" in found or GeneratorSpec.parse(found["G"].architecture.name).family == "unet":
        return "pix2pix", OFFICIAL["pix2pix"]
    return "cyclegan", {"generator_ab": "G"}


def _configuration(model: str, networks: Mapping[str, _Official], source: str | Path) -> Config:
    options = _common_options(networks)
    options.pop("channels of a pair", None)  # Used for comparison only.
    if model == "cyclegan" and options["channels_a"] != options["channels_b"]:
        options["lambda_identity"] = 0.0
    if options.get("discriminator_filters") == options["filters"]:
        options["discriminator_filters"] = None
    try:
        spec = GeneratorSpec.parse(options["generator"])
        if spec.family == "unet":
            # As published, 286 and 256 pixels for 8 levels.
            options["crop_size"] = max(spec.number, 128)
            options["load_size"] = options["crop_size"] * 286 // 256
        config = Config.of(model, **options).validate()
    except UserError as error:
        raise UserError(f"{source} contains unsupported networks: {error}") from None
    if spec.family == "unet":
        _log.info(
            "U-Net checkpoints do not record whether dropout is on; using %s's default, %s",
            *(("pix2pix", "on") if model == "pix2pix" else ("CycleGAN", "off")),
        )
    return config


def _common_options(networks: Mapping[str, _Official]) -> dict[str, Any]:
    """Collect the options that the networks were built with, which must match."""
    options: dict[str, Any] = {}
    owners: dict[str, Path] = {}
    for name, network in networks.items():
        for option, value in _options(name, network.architecture).items():
            owner = owners.setdefault(option, network.file)
            if options.setdefault(option, value) != value:
                raise UserError(
                    f"{network.file} and {owner.name} do not match: {option} is {value} in "
                    f"the first and {options[option]} in the second"
                )
    return options


def _options(name: str, network: Generator | Discriminator) -> dict[str, Any]:
    if isinstance(network, Generator):
        direction = Direction.of(name)
        return {
            "generator": network.name,
            "filters": network.filters,
            "norm": network.norm,
            "dropout": network.dropout,
            f"channels_{direction.source}": network.in_channels,
            f"channels_{direction.target}": network.out_channels,
            "channels of a pair": network.in_channels + network.out_channels,
        }
    domain = name.removeprefix("discriminator")
    return {
        "discriminator": network.name,
        "discriminator_filters": network.filters,
        "norm": network.norm,
        f"channels{domain}" if domain else "channels of a pair": network.channels,
        **({"discriminator_layers": network.layers} if network.name == "patch" else {}),
    }


def _architecture(config: Config, name: str) -> Generator | Discriminator:
    """Return the official architecture of one of our networks."""
    model = config.model
    channels = {"a": config.data.channels_a, "b": config.data.channels_b}
    if name.startswith("generator"):
        source, target = Direction.of(name).ordered(*channels.values())
        return Generator(model.generator, source, target, model.filters, model.norm, model.drops)
    scored = channels.get(name.removeprefix("discriminator_"), sum(channels.values()))
    filters = model.discriminator_filters or model.filters
    return Discriminator(
        model.discriminator, model.discriminator_layers, scored, filters, model.norm
    )


def _check_official(config: Config) -> None:
    model = config.model
    lacking = {
        f"`model={model.model}`": model.model not in OFFICIAL,
        f"`generator={model.generator}`": not model.architecture.traits.official,
        f"`upsampling={model.upsampling}`": model.upsampling != "transposed",
        "`spectral_norm`": model.spectral_norm,
    }
    if named := [name for name, lacks in lacking.items() if lacks]:
        raise UserError(
            f"the official PyTorch code has no {' and no '.join(named)}: this run cannot be "
            "converted to it"
        )
