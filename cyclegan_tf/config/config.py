"""The complete configuration of a run: validation across options, and JSON."""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from cyclegan_tf.config.generators import families_with
from cyclegan_tf.config.option import check_names
from cyclegan_tf.config.run_options import (
    AUGMENTATIONS,
    MODEL_DEFAULTS,
    MODELS,
    DataConfig,
    ModelConfig,
    ObjectiveConfig,
    OptimizerConfig,
    RunConfig,
)
from cyclegan_tf.errors import UserError

# Data sets whose names tell what their domains are, and one whose name does not.
_A2B = re.compile(r"(?:avatars|earth|tfds:cycle_gan)/([a-z]+)2([a-z]+)")
_PARTS = "avatars/parts", ("faces", "parts")


@dataclass(frozen=True)
class Config:
    """The complete configuration of a run. Construct it, then call `validate()`.

    Attributes:
        data: Source of the images and their preprocessing.
        model: The networks.
        objective: The losses.
        optimizer: Optimizer, schedule and precision.
        run: Duration, intervals and devices; the only options that may change on resuming.
    """

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    run: RunConfig = field(default_factory=RunConfig)

    @classmethod
    def of(cls, model: str = "cyclegan", **options: Any) -> "Config":
        """Return the defaults of a model, with some options changed.

        Args:
            model: `cyclegan`, `pix2pix` or `autoencoder`.
            **options: Options by their flat names, as on the command line, such as
                `data="photos"` or `crop_size=128`.

        Raises:
            UserError: If an option is unknown.
        """
        return cls().replace({"model": model, **MODEL_DEFAULTS.get(model, {}), **options})

    @property
    def paired(self) -> bool:
        """Whether the model trains on paired images."""
        model = self.model.model
        return model == "pix2pix" or (
            model == "autoencoder" and self.objective.task != "reconstruct"
        )

    @property
    def needs_b(self) -> bool:
        """Whether the model uses domain B."""
        return self.paired or self.model.model == "cyclegan"

    @property
    def domain_names(self) -> tuple[str, str]:
        """The names of domains A and B that people read, such as `("blond", "ginger")`.

        A model that does not look at domain B translates A to A, so both names are A's.
        """
        a, b = _default_names(self.data)
        a, b = self.data.name_a or a, self.data.name_b or b
        return (a, b) if self.needs_b else (a, a)

    def validate(self) -> "Config":
        """Check the bounds of every option and all combinations.

        Returns:
            The configuration itself.

        Raises:
            UserError: If an option is out of bounds, or two options contradict each other.
        """
        for group in dataclasses.fields(self):
            getattr(self, group.name).validate()
        self._check_model()
        unknown = [name for name in self.data.augmentations if name not in AUGMENTATIONS]
        if unknown:
            raise UserError(
                f"`augment={self.data.augment}`: unknown {', '.join(unknown)}; expected a comma "
                f"list of {', '.join(AUGMENTATIONS)}, or none"
            )
        self._check_geometry()
        self._check_channels()
        return self

    def _check_model(self) -> None:
        model, defaults = self.model.model, Config.of(self.model.model)
        for (_, option_field, value), (_, _, default) in zip(
            options(self), options(defaults), strict=True
        ):
            models = option_field.metadata.get("models", MODELS)
            if model not in models and value != default:
                raise UserError(
                    f"`{option_field.name}={value}` has no effect with `model={model}`; it "
                    f"applies to {' and '.join(models)}"
                )
        traits = self.model.architecture.traits
        for name, value in (
            ("bottleneck", self.model.bottleneck),
            ("dropout", self.model.dropout),
            ("upsampling", self.model.upsampling != "transposed"),
        ):
            if value and not getattr(traits, name):
                raise UserError(
                    f"`{name}` has no effect with `generator={self.model.generator}`; it applies "
                    f"to {families_with(name)}"
                )
        if self.run.remat and self.model.drops:
            raise UserError("`remat` would recompute with different dropout; use only one of them")
        if self.run.remat and self.model.norm == "batch":
            raise UserError("`remat` would count batches twice in `norm=batch`; use only one")

    def _check_channels(self) -> None:
        channels = f"`channels_a={self.data.channels_a}`, `channels_b={self.data.channels_b}`"
        if self.data.channels_a == self.data.channels_b:
            return
        if self.model.architecture.traits.blends:
            raise UserError(
                f"`generator={self.model.generator}` blends its output with its input, which "
                f"requires equal numbers of channels; received {channels}"
            )
        if self.model.model == "cyclegan" and self.objective.lambda_identity:
            raise UserError(
                "identity losses need equal numbers of channels in both domains; "
                f"received {channels}; use `lambda_identity=0`"
            )

    def _check_geometry(self) -> None:
        data, multiple = self.data, self.model.architecture.multiple
        crops = data.preprocess.endswith("crop")
        if crops and data.crop_size % multiple:
            raise UserError(
                f"`crop_size={data.crop_size}`: `generator={self.model.generator}` needs a "
                f"multiple of {multiple}"
            )
        self._check_discriminator(data.crop_size if crops else data.load_size)
        resized = data.preprocess in ("resize_and_crop", "scale_width_and_crop")
        if resized and data.load_size < data.crop_size:
            raise UserError(
                f"`load_size={data.load_size}` is smaller than `crop_size={data.crop_size}`; "
                "raise the first or lower the second"
            )
        if data.preprocess in ("scale_width", "none") and (data.batch_size > 1 or self._pool_size):
            raise UserError(
                f"`preprocess={data.preprocess}` produces images of different sizes, which cannot "
                "share a batch or a pool: use `batch_size=1` and `pool_size=0`, "
                f"not {data.batch_size} and {self._pool_size}"
            )

    def _check_discriminator(self, seen: int) -> None:
        layers = self.model.discriminator_layers
        patch = self.model.model != "autoencoder" and self.model.discriminator == "patch"
        if patch and self.data.preprocess != "none" and seen // 2**layers < 3:
            raise UserError(
                f"`discriminator_layers={layers}` is too many for images of {seen} px; use "
                f"fewer layers, or images of at least {3 * 2**layers} px"
            )

    @property
    def _pool_size(self) -> int:
        return self.objective.pool_size if self.model.model == "cyclegan" else 0

    def to_json(self) -> str:
        """Return the configuration as indented JSON, with one object per group."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Config":
        """Read the output of `to_json`. Missing options get their defaults.

        Raises:
            UserError: If the text is not JSON, or has an option that this version lacks.
        """
        groups = get_type_hints(cls)
        try:
            stored = {name: dict(values) for name, values in json.loads(text).items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise UserError(f"not a configuration: {error}") from None
        check_names(stored, groups, "group of options")
        for name, values in stored.items():
            check_names(values, [f.name for f in dataclasses.fields(groups[name])])
        return cls(**{name: groups[name](**values) for name, values in stored.items()})

    def replace(self, values: Mapping[str, Any]) -> "Config":
        """Return a copy with some options changed.

        Args:
            values: New values by their flat names, as on the command line.

        Raises:
            UserError: If an option is unknown; the error suggests the closest name.
        """
        groups = {option_field.name: group for group, option_field, _ in options(self)}
        check_names(values, groups)
        changed: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            changed.setdefault(groups[name], {})[name] = value
        parts = {g: dataclasses.replace(getattr(self, g), **part) for g, part in changed.items()}
        return dataclasses.replace(self, **parts)

    def differences(self, other: "Config") -> list[str]:
        """List the options that make `other` compute something different.

        Returns:
            `name: own value -> other value` for each option, except those of `RunConfig` and the
            names of the domains, which may change.
        """
        return [
            f"{option_field.name}: {mine} -> {theirs}"
            for (group, option_field, mine), (_, _, theirs) in zip(
                options(self), options(other), strict=True
            )
            if group != "run" and not option_field.metadata.get("may_change") and mine != theirs
        ]


def _default_names(data: DataConfig) -> tuple[str, str]:
    """Return the names of both domains as the data suggests them."""
    if data.data == _PARTS[0]:
        a, b = _PARTS[1]
    elif told := _A2B.match(data.data):
        a, b = told.groups()
    else:
        a, b = Path(data.data_a).name, Path(data.data_b or data.data_a).name
        if a == b and data.data_b:  # Such as photos/train and paintings/train.
            a = b = ""
    if data.swap:
        a, b = b, a
    return a or "A", b or "B"


def options(config: Config) -> Iterator[tuple[str, dataclasses.Field[Any], Any]]:
    """Yield `(group name, field, value)` for every option of a configuration."""
    for group in dataclasses.fields(config):
        part = getattr(config, group.name)
        for option_field in dataclasses.fields(part):
            yield group.name, option_field, getattr(part, option_field.name)
