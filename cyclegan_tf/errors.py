"""The one exception that means: this can be put right by whoever gave the command."""

import re


class UserError(ValueError):
    """A mistake in what the user gave; commands print it as one line and exit non-zero.

    Attributes:
        at_once: Whether the process then ends without waiting for what its libraries do at exit.
    """

    at_once = False


def reason(error: Exception) -> str:
    """Returns an error's first line, without where in a graph TensorFlow met it."""
    text = re.sub(r"{{.*?}} | \[Op:\w+\]", "", str(error)).strip()
    return (text or repr(error)).splitlines()[0]
