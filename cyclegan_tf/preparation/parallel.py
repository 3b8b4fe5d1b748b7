"""Many pictures at once, in order, with progress, and never more than a few in memory."""

import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from cyclegan_tf import threads
from cyclegan_tf.progress import progress_bar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# Threads are enough: decoding, resizing and detecting leave Python's lock alone.
_WAITING = 4  # Items begun or waiting for each core; bounds what lies in memory.


def in_order(
    work: Callable[[_Item], _Result],
    items: Iterable[_Item],
    title: str,
    total: int | None = None,
    progress: bool = True,
) -> Generator[_Result, None, None]:
    """Does something with every item on all cores.

    Args:
        work: What to do; its errors come out here.
        items: Taken one by one, by one thread, not further ahead than the work is.
        title: Of the bar.
        total: How many items there are, if that is known.
        progress: Whether to show a bar when it takes longer than two seconds.

    Yields:
        The results, in the items' order.
    """
    cores = os.cpu_count() or 1
    pool = ThreadPoolExecutor(cores)
    try:
        with progress_bar(total=total, desc=title, delay=2, shown=progress) as bar:
            # As many may be begun as there is room for, before the first result is asked for.
            room = _WAITING * cores - 1
            for result in threads.in_order(pool, work, items, lambda _: 1, room, ahead=True):
                yield result
                bar.update()
    finally:
        pool.shutdown(cancel_futures=True)
