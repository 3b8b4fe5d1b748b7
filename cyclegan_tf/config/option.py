"""Options: fields of frozen dataclasses, each with its default, help text and bounds.

`cli.py` derives the command line from these dataclasses. Validation reads the same metadata.
"""

import dataclasses
import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args

from cyclegan_tf.errors import UserError, suggestion


def option(default: Any, help_text: str, **bounds: Any) -> Any:
    """Declare one option of a configuration dataclass.

    Args:
        default: The default value; `None` if it is derived from other options.
        help_text: One line for `--help`, with the unit.
        **bounds: Any of `choices` (allowed values), `pattern` (regular expression),
            `minimum`, `maximum` (inclusive) and `above` (exclusive lower bound); `models`,
            the models that the option applies to: other models require the default; and
            `may_change`, if the option may change when a run resumes.

    Returns:
        A dataclass field with the help text and the bounds as metadata.
    """
    return field(default=default, metadata={"help": help_text, **bounds})


_Self = TypeVar("_Self", bound="Options")


@dataclass(frozen=True)
class Options:
    """Base class of dataclasses of options."""

    def validate(self: _Self) -> _Self:
        """Check the type and the bounds of every option.

        Returns:
            The options themselves.

        Raises:
            UserError: If an option has the wrong type, is out of bounds, or contradicts another.
        """
        for option_field in dataclasses.fields(self):
            check(option_field, getattr(self, option_field.name))
        return self


def check_names(names: Iterable[str], known: Collection[str], what: str = "option") -> None:
    """Check that options exist.

    Args:
        names: The names to check.
        known: The valid names.
        what: The noun that errors use for a name.

    Raises:
        UserError: If a name is unknown; the error suggests the closest.
    """
    for name in names:
        if name not in known:
            raise UserError(f"unknown {what} {name}{suggestion(name, known)}")


def check(option_field: dataclasses.Field[Any], value: Any) -> None:
    """Check one option against its type and bounds.

    Raises:
        UserError: If the value has the wrong type or is out of bounds.
    """
    kinds = get_args(option_field.type) or (option_field.type,)
    # JSON may store a float as an integer, such as 10 for 10.0.
    if not isinstance(value, kinds) and not (float in kinds and isinstance(value, int)):
        expected = " or ".join("nothing" if k is type(None) else k.__name__ for k in kinds)
        raise UserError(f"`{option_field.name}={value}`: expected {expected}")
    check_bounds(option_field.name, value, option_field.metadata)


def check_bounds(name: str, value: Any, bounds: Mapping[str, Any]) -> None:
    """Check a value against bounds in the form of `option`. None, a derived value, always passes.

    Raises:
        UserError: If the value is out of bounds.
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
