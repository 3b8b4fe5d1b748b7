"""Options: fields of frozen dataclasses, each with its default, its meaning and its bounds.

The command line (`cli.py`) is derived from such dataclasses, and validation reads the same
metadata.
"""

import dataclasses
import difflib
import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args

from cyclegan_tf.errors import UserError


def option(default: Any, help_text: str, **bounds: Any) -> Any:
    """Declares one option of a configuration dataclass.

    Args:
        default: The value when nothing is given; `None` where absence means "derive it".
        help_text: One line for `--help`, with the unit.
        **bounds: Any of `choices` (allowed values), `pattern` (regular expression),
            `minimum`, `maximum` (inclusive) and `above` (exclusive lower bound); `models`,
            those that know the option: with another one it has to keep its default; and
            `may_change`, if the option may change when a run resumes.

    Returns:
        A dataclass field that carries the help and the bounds as metadata.
    """
    return field(default=default, metadata={"help": help_text, **bounds})


_Self = TypeVar("_Self", bound="Options")


@dataclass(frozen=True)
class Options:
    """What every dataclass of options has."""

    def validate(self: _Self) -> _Self:
        """Checks every bound.

        Returns:
            The options themselves.

        Raises:
            UserError: If an option has another type, lies outside its bounds, or contradicts
                another.
        """
        for option_field in dataclasses.fields(self):
            check(option_field, getattr(self, option_field.name))
        return self


def check_names(names: Iterable[str], known: Collection[str], what: str = "option") -> None:
    """Checks that options exist.

    Args:
        names: The names to check.
        known: The names there are.
        what: What errors call them.

    Raises:
        UserError: If a name is unknown; the error suggests the nearest.
    """
    for name in names:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            raise UserError(f"unknown {what} {name}{hint}")


def check(option_field: dataclasses.Field[Any], value: Any) -> None:
    """Holds one option against its type and its bounds.

    Raises:
        UserError: If the value has another type, or lies outside.
    """
    kinds = get_args(option_field.type) or (option_field.type,)
    # JSON has no type of its own for whole numbers that stand for others.
    if not isinstance(value, kinds) and not (float in kinds and isinstance(value, int)):
        expected = " or ".join("nothing" if k is type(None) else k.__name__ for k in kinds)
        raise UserError(f"`{option_field.name}={value}`: expected {expected}")
    check_bounds(option_field.name, value, option_field.metadata)


def check_bounds(name: str, value: Any, bounds: Mapping[str, Any]) -> None:
    """Holds a value against bounds, as `option` takes them; None, for what is derived, has none.

    Raises:
        UserError: If it lies outside.
    """
    if value is None:
        return
    if isinstance(value, float) and not math.isfinite(value):
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
    raise UserError(f"`{name}={value}`: expected {expected}")
