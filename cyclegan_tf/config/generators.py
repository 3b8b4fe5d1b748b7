"""The generators there are: what their names mean, and what each family can do."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from cyclegan_tf.errors import UserError


@dataclass(frozen=True)
class Family:
    """A family of generators.

    Attributes:
        numbers: The numbers that may follow its name, as in `resnet_9`; empty if none does.
        multiple: What height and width of images are multiples of; None for the number itself.
        dropout: Whether it can have dropout.
        upsampling: Whether its way of enlarging can be chosen.
        bottleneck: Whether the width of its narrowest layer can be chosen.
        blends: Whether it blends its result into its input, which takes equal channels.
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
# A new architecture is a row here, and its builder in `models.generators.generator`.
FAMILIES = {
    "resnet": Family(_BLOCKS, 4, dropout=True, upsampling=True, official=True),
    "gated_resnet": Family(_BLOCKS, 4, upsampling=True, blends=True),
    "unet": Family((32, 64, 128, 256, 512), dropout=True, upsampling=True, official=True),
    "encoder_decoder": Family(multiple=16, bottleneck=True),
    "segnet": Family(multiple=16),
}


@dataclass(frozen=True)
class GeneratorSpec:
    """A generator's name, taken apart.

    Attributes:
        family: Such as `gated_resnet`.
        number: Residual blocks, or pixels of a U-Net; 0 for families without.
    """

    family: str
    number: int = 0

    @classmethod
    def parse(cls, name: str) -> "GeneratorSpec":
        """Takes a name such as `resnet_9` apart.

        Raises:
            UserError: If there is no such generator; the error lists those there are.
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
        """What the family can do."""
        return FAMILIES[self.family]

    @property
    def multiple(self) -> int:
        """What height and width of images have to be multiples of."""
        return self.traits.multiple or self.number


def families_with(trait: str) -> str:
    """Lists the families that have a trait of `Family`, for errors."""
    return " and ".join(name for name, family in FAMILIES.items() if getattr(family, trait))


def _describe(name: str) -> str:
    numbers = FAMILIES[name].numbers
    if isinstance(numbers, range):
        return f"{name}_N (N from {numbers[0]} to {numbers[-1]})"
    return f"{name}_{'|'.join(map(str, numbers))}" if numbers else name
