"""Progress bars: tqdm's, that say nothing where they are not wanted."""

import os
import sys
from typing import Any

from tqdm import tqdm


def progress_bar(iterable: Any = None, *, shown: bool = True, **options: Any) -> Any:
    """Makes a bar with the time left.

    In a file, which keeps every state, it moves every ten seconds.

    Args:
        iterable: What is walked through, if anything.
        shown: Whether it is seen. Where it would be, `TQDM_DISABLE=1` in the environment still
            hides it, as in notebooks, whose stored outputs moving bars would fill.
        **options: Of `tqdm`.
    """
    # An argument would overrule the environment, even one that says nothing else.
    if not shown:
        options["disable"] = True
    own = sys.__stderr__  # Notebooks put something of theirs in its place, where bars do move.
    in_file = own is not None and sys.stderr is own and not own.isatty()
    if in_file and "TQDM_MININTERVAL" not in os.environ:
        options.setdefault("mininterval", 10.0)
    return tqdm(iterable, **options)
