"""The one exception that means: this can be put right by whoever gave the command."""


class UserError(ValueError):
    """A mistake in what the user gave; commands print it as one line and exit non-zero.

    Attributes:
        at_once: Whether the process then ends without waiting for what its libraries do at exit.
    """

    at_once = False
