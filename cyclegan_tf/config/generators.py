"""Generator names and the capabilities of each family of generators."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from cyclegan_tf.errors import UserError


@dataclass(frozen=True)
class Family:
    """A family of generators.

    Attributes:
        numbers: Valid numbers after the name, as in `resnet_9`; empty for a name without number.
        multiple: Height and width must be multiples of this; None means multiples of the number.
        dropout: Whether it supports dropout.
        upsampling: Whether the upsampling method can be chosen.
        bottleneck: Whether the width of the narrowest layer can be chosen.
        blends: Whether it blends its output with its input, which requires equal channels.
        official: Whether the official PyTorch code has it.
    """

    numbers: Collection[int] = ()
    multiple: int | None = None
    dropout: bool = False
    upsampling: bool = False
    bottleneck: bool = False
    blends: bool = False
    official: bool = False


_BLOCKS = range(1, 65)
# To add an architecture, add a row here and a builder in `models.generators.generator`.
FAMILIES = {
    "resnet": Family(_BLOCKS, 4, dropout=True, upsampling=True, official=True),
    "gated_resnet": Family(_BLOCKS, 4, upsampling=True, blends=True),
    "unet": Family((32, 64, 128, 256, 512), dropout=True, upsampling=True, official=True),
    "encoder_decoder": Family(multiple=16, bottleneck=True),
    "segnet": Family(multiple=16),
}


@dataclass(frozen=True)
class GeneratorSpec:
    """The parsed name of a generator.

    Attributes:
        family: Name of the family, such as `gated_resnet`.
        number: Number of residual blocks, or of pixels for a U-Net; 0 for names without number.
    """

    family: str
    number: int = 0

    @classmethod
    def parse(cls, name: str) -> "GeneratorSpec":
        """Parse a name such as `resnet_9`.

        Raises:
            UserError: If the generator is unknown; the error lists the valid names.
        """
        match = re.fullmatch(r"([a-z_]+?)(?:_(\d+))?", name)
        spec = cls(match[1], int(match[2] or 0)) if match else cls(name)
        known = FAMILIES.get(spec.family)
        if known is None or spec.number not in (known.numbers or (0,)):
            names = ", ".join(_describe(family) for family in FAMILIES)
            raise UserError(f"`generator={name}`: expected one of {names}")
        return spec

    @property
    def traits(self) -> Family:
        """The capabilities of the family."""
        return FAMILIES[self.family]

    @property
    def multiple(self) -> int:
        """The number that height and width of images must be multiples of."""
        return self.traits.multiple or self.number


def families_with(trait: str) -> str:
    """List the families that have a trait of `Family`, for errors."""
    return " and ".join(name for name, family in FAMILIES.items() if getattr(family, trait))


def _describe(name: str) -> str:
    numbers = FAMILIES[name].numbers
    if isinstance(numbers, range):
        return f"{name}_N (N from {numbers[0]} to {numbers[-1]})"
    return f"{name}_{'|'.join(map(str, numbers))}" if numbers else name
