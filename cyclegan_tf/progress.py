"""Progress bars: tqdm's, that say nothing where they are not wanted."""

import sys
from typing import Any

from tqdm import tqdm

# Seconds between its states in a file, which keeps them all.
_IN_FILES = 10.0


def progress_bar(iterable: Any = None, *, shown: bool = True, **options: Any) -> Any:
    """Makes a bar with the time left.

    Args:
        iterable: What is walked through, if anything.
        shown: Whether it is seen. Where it would be, `TQDM_DISABLE=1` in the environment still
            hides it, as in notebooks, whose stored outputs moving bars would fill.
        **options: Of `tqdm`.
    """
    # An argument would overrule the environment, even one that says nothing else.
    if not shown:
        options["disable"] = True
    # Notebooks put something else in its place, which moves at once.
    own = sys.__stderr__
    if own is not None and sys.stderr is own and not own.isatty():
        options["mininterval"] = _IN_FILES
    return tqdm(iterable, **options)
