"""Progress bars of tqdm that can be hidden."""

import os
import sys
from typing import Any

from tqdm import tqdm


def progress_bar(iterable: Any = None, *, shown: bool = True, **options: Any) -> Any:
    """Return a progress bar with the remaining time.

    If stderr is a file, which stores every update, the bar updates every ten seconds.

    Args:
        iterable: The iterable to track, if any.
        shown: Whether to show the bar. The environment variable `TQDM_DISABLE=1` hides it too,
            for example in notebooks, whose stored outputs it would fill.
        **options: Options of `tqdm`.
    """
    # Even `disable=False` would override the environment variable.
    if not shown:
        options["disable"] = True
    own = sys.__stderr__  # Notebooks replace stderr; bars update in place there.
    in_file = own is not None and sys.stderr is own and not own.isatty()
    if in_file and "TQDM_MININTERVAL" not in os.environ:
        options.setdefault("mininterval", 10.0)
    return tqdm(iterable, **options)
