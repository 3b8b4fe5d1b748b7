"""Progress bars: tqdm's, that say nothing where they are not wanted."""

from typing import Any

from tqdm import tqdm


def progress_bar(iterable: Any = None, *, shown: bool = True, **options: Any) -> Any:
    """Makes a bar with the time left.

    Args:
        iterable: What is walked through, if anything.
        shown: Whether it is seen. Where it would be, `TQDM_DISABLE=1` in the environment still
            hides it, as in notebooks, whose stored outputs moving bars would fill.
        **options: Of `tqdm`.
    """
    # An argument would overrule the environment, even one that says nothing else.
    return tqdm(iterable, **options, **({} if shown else {"disable": True}))
