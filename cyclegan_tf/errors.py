"""The exception for errors the user can fix."""

import difflib
import re
from collections.abc import Iterable


class UserError(ValueError):
    """Raised for errors the user can fix; commands print one line and exit with a non-zero status.

    Messages quote the arguments they name, as in `crop_size=8`; commands name flags instead.

    Attributes:
        at_once: Whether the process then ends without waiting for what its libraries do at exit.
    """

    at_once = False


def reason(error: Exception) -> str:
    """Returns an error's first line, without where in a graph TensorFlow met it."""
    text = re.sub(r"{{.*?}} | \[Op:\w+\]", "", str(error)).strip()
    return (text or repr(error)).splitlines()[0]


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return how an error about an unknown name ends.

    Args:
        name: The unknown name.
        known: All names that exist.

    Returns:
        A question for the nearest name. If none is near, a list of all names, unless they are too
        many to read.
    """
    names = list(known)
    nearest = difflib.get_close_matches(name, names, 1)
    if nearest:
        return f"; did you mean {nearest[0]}?"
    return f"; choose one of: {', '.join(names)}" if len(names) <= 30 else ""
