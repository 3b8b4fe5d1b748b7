"""The exception for errors the user can fix."""

import difflib
import re
from collections.abc import Iterable


class UserError(ValueError):
    """Raised for errors the user can fix; commands print one line and exit with a non-zero status.

    Messages quote arguments in backticks, as in `crop_size=8`; commands print flags instead.

    Attributes:
        at_once: Whether the process then exits at once, skipping the exit handlers of libraries.
    """

    at_once = False


def reason(error: Exception) -> str:
    """Return the first line of an error, without TensorFlow's position in the graph."""
    text = re.sub(r"{{.*?}} | \[Op:\w+\]", "", str(error)).strip()
    return (text or repr(error)).splitlines()[0]


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the end of an error message about an unknown name.

    Args:
        name: The unknown name.
        known: All valid names.

    Returns:
        A question with the nearest name. If none is near, a list of all names, unless they are too
        many to read.
    """
    names = list(known)
    nearest = difflib.get_close_matches(name, names, 1)
    if nearest:
        return f"; did you mean {nearest[0]}?"
    return f"; choose one of: {', '.join(names)}" if len(names) <= 30 else ""
