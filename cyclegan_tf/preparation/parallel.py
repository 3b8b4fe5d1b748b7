"""Parallel work on images: in order, with a progress bar, and few images in memory."""

import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from cyclegan_tf import threads
from cyclegan_tf.progress import progress_bar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# Threads suffice, because decoding, resizing and detection release the GIL.
_WAITING = 4  # Pending items per core; bounds memory use.


def in_order(
    work: Callable[[_Item], _Result],
    items: Iterable[_Item],
    title: str,
    total: int | None = None,
    progress: bool = True,
) -> Generator[_Result, None, None]:
    """Apply a function to every item on all cores.

    Args:
        work: The function; its exceptions are raised here.
        items: The items, consumed by a single thread and only as the work progresses.
        title: Title of the progress bar.
        total: Number of items, if known.
        progress: Whether to show a progress bar after two seconds.

    Yields:
        The results, in the items' order.
    """
    cores = os.cpu_count() or 1
    pool = ThreadPoolExecutor(cores)
    try:
        with progress_bar(total=total, desc=title, delay=2, shown=progress) as bar:
            # Start as many items as allowed before requesting the first result.
            room = _WAITING * cores - 1
            for result in threads.in_order(pool, work, items, lambda _: 1, room, ahead=True):
                yield result
                bar.update()
    finally:
        pool.shutdown(cancel_futures=True)
