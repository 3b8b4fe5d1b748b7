"""The two directions of translation."""

from enum import Enum
from typing import TypeVar

_Value = TypeVar("_Value")


class Direction(str, Enum):
    """A direction of translation, which compares, hashes and prints as its name, such as `a2b`.

    Attributes:
        source: Domain of the inputs, `a` or `b`.
        target: Domain of the outputs.
        opposite: The other direction.
        generator: Name of the generator that translates in this direction.
        average: Name of the exponential moving average of this generator.
    """

    A2B = "a2b"
    B2A = "b2a"

    def __str__(self) -> str:
        return self.value

    @property
    def source(self) -> str:
        return self.value[0]

    @property
    def target(self) -> str:
        return self.value[-1]

    @property
    def opposite(self) -> "Direction":
        return Direction(self.value[::-1])

    @property
    def generator(self) -> str:
        return f"generator_{self.source}{self.target}"

    @property
    def average(self) -> str:
        return self.generator.replace("generator", "average")

    @classmethod
    def of(cls, generator: str) -> "Direction":
        """Return the direction of a generator, given its name."""
        return next(direction for direction in cls if direction.generator == generator)

    def arrow(self, name_a: str = "A", name_b: str = "B") -> str:
        """Return a readable label, such as `A → B`."""
        return " → ".join(self.ordered(name_a, name_b))

    def ordered(self, a: _Value, b: _Value) -> tuple[_Value, _Value]:
        """Order the values of domains A and B as `(source, target)`."""
        return (a, b) if self is Direction.A2B else (b, a)


DIRECTIONS = tuple(direction.value for direction in Direction)


def arrow(name: str, name_a: str = "A", name_b: str = "B") -> str:
    """Return a direction read from a file as an arrow; any other name unchanged."""
    return Direction(name).arrow(name_a, name_b) if name in DIRECTIONS else name
