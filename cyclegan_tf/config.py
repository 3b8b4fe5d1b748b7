"""Everything a run can be told, with its default, its meaning and its bounds.

Each option stands here once: the command line (`cli.py`) is derived from these
dataclasses, `config.json` is their JSON form, and validation reads the same metadata.
"""

import dataclasses
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_type_hints


class UserError(ValueError):
    """A mistake in what the user gave; commands print it as one line and exit non-zero."""


def option(default: Any, help_text: str, **bounds: Any) -> Any:
    """Declares one option of a configuration dataclass.

    Args:
        default: The value when nothing is given; `None` where absence means "derive it".
        help_text: One line for `--help`, with the unit.
        **bounds: Any of `choices` (allowed values), `pattern` (regular expression),
            `minimum`, `maximum` (inclusive) and `above` (exclusive lower bound).

    Returns:
        A dataclass field that carries the help and the bounds as metadata.
    """
    return field(default=default, metadata={"help": help_text, **bounds})


AUGMENTATIONS = ("flip", "crop", "rotate", "colour")
PREPROCESS = ("resize_and_crop", "resize", "crop", "scale_width", "scale_width_and_crop", "none")


@dataclass(frozen=True)
class DataConfig:
    """Where the pictures come from and how they become network inputs."""

    data: str = option(
        "",
        "A folder with trainA and trainB (and testA, testB), tfds:NAME/CONFIG, or a built-in: "
        "avatars/blond2ginger, avatars/short2long, earth/satellite2relief.",
    )
    data_a: str = option("", "Folder of domain A, instead of --data.")
    data_b: str = option("", "Folder of domain B, instead of --data.")
    channels_a: int = option(
        3, "Channels of domain A: 1 grey, 2 with alpha, 3 RGB, 4 RGBA.", minimum=1, maximum=4
    )
    channels_b: int = option(
        3, "Channels of domain B: 1 grey, 2 with alpha, 3 RGB, 4 RGBA.", minimum=1, maximum=4
    )
    preprocess: str = option(
        "resize_and_crop", "How a picture comes to the networks' size.", choices=PREPROCESS
    )
    load_size: int = option(286, "Size a picture is resized to, in pixels.", minimum=8)
    crop_size: int = option(256, "Size of the crop the networks see, in pixels.", minimum=8)
    augment: str = option(
        "flip,crop", f"Comma list of {', '.join(AUGMENTATIONS)}; or none.", pattern="[a-z,]+"
    )
    batch_size: int = option(1, "Pictures of each domain in a step, over all replicas.", minimum=1)

    @property
    def augmentations(self) -> tuple[str, ...]:
        """`augment` as a tuple of names, empty for `none`."""
        return () if self.augment == "none" else tuple(self.augment.split(","))


@dataclass(frozen=True)
class ModelConfig:
    """The networks."""

    generator: str = option(
        "resnet_9",
        "resnet_N with N residual blocks (6 for 128 px, 9 from 256 px on), or gated_resnet_N, "
        "which blends its result into its input.",
        pattern=r"(gated_)?resnet_\d+",
    )
    upsampling: str = option(
        "transposed",
        "How the generator enlarges: transposed convolution, or resize then convolution.",
        choices=("transposed", "resize"),
    )
    discriminator: str = option("patch", "Kind of discriminator.", choices=("patch",))
    discriminator_layers: int = option(
        3, "Strided layers of the PatchGAN; 3 sees patches of 70 px.", minimum=1, maximum=5
    )
    filters: int = option(64, "Channels of a generator's first layer.", minimum=1)
    discriminator_filters: int | None = option(
        None, "Channels of a discriminator's first layer (default: filters).", minimum=1
    )
    init_gain: float = option(0.02, "Standard deviation of the initial kernels.", above=0.0)


@dataclass(frozen=True)
class ObjectiveConfig:
    """What the networks are trained for."""

    lambda_cycle: float = option(10.0, "Weight of the cycle losses.", minimum=0.0)
    lambda_a: float | None = option(
        None, "Weight of the cycle a -> b -> a (default: lambda_cycle).", minimum=0.0
    )
    lambda_b: float | None = option(
        None, "Weight of the cycle b -> a -> b (default: lambda_cycle).", minimum=0.0
    )
    lambda_identity: float = option(
        0.5, "Weight of the identity losses, relative to the cycle weights.", minimum=0.0
    )
    pool_size: int = option(50, "Generated pictures kept for the discriminators.", minimum=0)


@dataclass(frozen=True)
class OptimizerConfig:
    """How the weights move, and in which arithmetic."""

    learning_rate: float = option(2e-4, "Adam's learning rate.", above=0.0)
    schedule: str = option(
        "linear",
        "linear: constant for --epochs, then down to zero over --decay_epochs; or constant.",
        choices=("linear", "constant"),
    )
    epochs: int = option(100, "Epochs at the full learning rate.", minimum=1)
    decay_epochs: int = option(100, "Epochs after these.", minimum=0)
    ema: float = option(
        0.0,
        "Decay per step of an averaged copy of the generators, used for samples and results; "
        "0 is off.",
        minimum=0.0,
        maximum=0.9999999,
    )
    precision: str = option(
        "float32",
        "Arithmetic: float32, mixed_float16 (with loss scaling) or mixed_bfloat16.",
        choices=("float32", "mixed_float16", "mixed_bfloat16"),
    )
    jit_compile: bool = option(False, "Compile the step with XLA (for accelerators).")
    seed: int = option(
        0, "Seed of weights, order, augmentation and pool.", minimum=0, maximum=2**32 - 1
    )


@dataclass(frozen=True)
class RunConfig:
    """How far, how often and on what: may change when a run is continued."""

    max_steps: int | None = option(
        None, "Steps counted from the run's first; bounds the epochs.", minimum=1
    )
    replicas: int | None = option(
        None,
        "GPUs to use, or logical CPUs where there is no GPU (default: as many GPUs as divide "
        "the batch).",
        minimum=1,
    )
    intra_op_threads: int | None = option(
        None,
        "CPU threads within an operation (default: all cores). 1 is faster for small networks, "
        "whose two halves then run side by side.",
        minimum=1,
    )
    cache_gb: float = option(
        4.0,
        "Memory for decoded training pictures, in GiB; what does not fit is decoded again.",
        minimum=0.0,
    )
    log_every: int = option(50, "Steps between lines of metrics.jsonl.", minimum=1)
    sample_every: int = option(500, "Steps between sample pictures.", minimum=1)
    checkpoint_every: int = option(1000, "Steps between checkpoints.", minimum=1)
    keep_checkpoints: int = option(3, "Checkpoints kept.", minimum=1)


@dataclass(frozen=True)
class Config:
    """A whole run. Construct it, then call `validate()`."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    run: RunConfig = field(default_factory=RunConfig)

    def validate(self) -> "Config":
        """Checks every bound.

        Returns:
            The configuration itself.

        Raises:
            UserError: If an option is outside its bounds, or two options contradict.
        """
        for _, option_field, value in options(self):
            _check(option_field, value)
        unknown = [name for name in self.data.augmentations if name not in AUGMENTATIONS]
        if unknown:
            raise UserError(
                f"--augment={self.data.augment}: unknown {', '.join(unknown)}; expected a comma "
                f"list of {', '.join(AUGMENTATIONS)}, or none"
            )
        self._check_geometry()
        if self.model.generator.startswith("gated_") and (
            self.data.channels_a != self.data.channels_b
        ):
            raise UserError(
                f"--generator={self.model.generator} blends its result into its input, so "
                f"--channels_a={self.data.channels_a} and --channels_b={self.data.channels_b} have "
                "to be equal"
            )
        if self.objective.lambda_identity and self.data.channels_a != self.data.channels_b:
            raise UserError(
                "identity losses compare a domain with itself through the other one's generator: "
                f"with --channels_a={self.data.channels_a} and --channels_b="
                f"{self.data.channels_b}, give --lambda_identity=0"
            )
        return self

    def _check_geometry(self) -> None:
        data = self.data
        crops = data.preprocess.endswith("crop")
        if crops and data.crop_size % 4:
            raise UserError(f"--crop_size={data.crop_size}: expected a multiple of 4")
        seen = data.crop_size if crops else data.load_size
        layers = self.model.discriminator_layers
        if data.preprocess != "none" and seen // 2**layers < 3:
            raise UserError(
                f"--discriminator_layers={layers} leaves nothing of pictures of {seen} px: take "
                f"fewer layers, or pictures of at least {3 * 2**layers} px"
            )
        resized = data.preprocess in ("resize_and_crop", "scale_width_and_crop")
        if resized and data.load_size < data.crop_size:
            raise UserError(
                f"--load_size={data.load_size} is smaller than --crop_size={data.crop_size}; "
                "raise the first or lower the second"
            )
        if data.preprocess in ("scale_width", "none") and (
            data.batch_size > 1 or self.objective.pool_size
        ):
            raise UserError(
                f"--preprocess={data.preprocess} gives pictures of different sizes, which cannot "
                "share a batch or a pool: use --batch_size=1 and --pool_size=0, "
                f"not {data.batch_size} and {self.objective.pool_size}"
            )

    def to_json(self) -> str:
        """Returns the configuration as indented JSON, one object for each group."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Config":
        """Reads what `to_json` wrote.

        Raises:
            UserError: If the text is no JSON, or holds an option this version does not know.
        """
        try:
            stored = json.loads(text)
            groups = get_type_hints(cls)
            return cls(**{name: groups[name](**values) for name, values in stored.items()})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"not a configuration of this version: {error}") from None

    def replace(self, values: Mapping[str, Any]) -> "Config":
        """Returns a copy with options changed, by their flat names.

        Args:
            values: New values by option name, as on the command line.
        """
        return Config(
            **{
                group.name: dataclasses.replace(
                    part := getattr(self, group.name),
                    **{
                        f.name: values[f.name] for f in dataclasses.fields(part) if f.name in values
                    },
                )
                for group in dataclasses.fields(self)
            }
        )

    def differences(self, other: "Config") -> list[str]:
        """Lists the options in which `other` would compute something else.

        Returns:
            `name: own value -> other value` for each; options of `RunConfig` do not count.
        """
        return [
            f"{option_field.name}: {mine} -> {theirs}"
            for (group, option_field, mine), (_, _, theirs) in zip(
                options(self), options(other), strict=True
            )
            if group != "run" and mine != theirs
        ]


def options(config: Config) -> Iterator[tuple[str, dataclasses.Field[Any], Any]]:
    """Yields `(group name, field, value)` for every option of a configuration."""
    for group in dataclasses.fields(config):
        part = getattr(config, group.name)
        for option_field in dataclasses.fields(part):
            yield group.name, option_field, getattr(part, option_field.name)


def _check(option_field: dataclasses.Field[Any], value: Any) -> None:
    bounds = option_field.metadata
    kinds = get_args(option_field.type) or (option_field.type,)
    # JSON has no type of its own for whole numbers that stand for others.
    if not isinstance(value, kinds) and not (float in kinds and isinstance(value, int)):
        expected = " or ".join("nothing" if k is type(None) else k.__name__ for k in kinds)
    elif value is None:
        return
    elif isinstance(value, float) and not math.isfinite(value):
        expected = "a finite number"
    elif "choices" in bounds and value not in bounds["choices"]:
        expected = "one of " + ", ".join(bounds["choices"])
    elif "pattern" in bounds and not re.fullmatch(bounds["pattern"], value):
        expected = bounds["help"]
    elif "minimum" in bounds and not value >= bounds["minimum"]:
        expected = f"at least {bounds['minimum']}"
    elif "above" in bounds and not value > bounds["above"]:
        expected = f"more than {bounds['above']}"
    elif "maximum" in bounds and not value <= bounds["maximum"]:
        expected = f"at most {bounds['maximum']}"
    else:
        return
    raise UserError(f"--{option_field.name}={value}: expected {expected}")
