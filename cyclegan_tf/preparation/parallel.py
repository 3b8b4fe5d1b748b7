"""Many pictures at once, in order, with progress, and never more than a few in memory."""

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tqdm import tqdm

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
) -> Iterator[_Result]:
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
    bar = tqdm(total=total, desc=title, delay=2, disable=not progress)
    pool = ThreadPoolExecutor(os.cpu_count())
    begun: deque[Future[_Result]] = deque()
    source = iter(items)
    room = _WAITING * (os.cpu_count() or 1)
    try:
        with bar:
            while True:
                fresh = itertools.islice(source, room - len(begun))
                begun.extend(pool.submit(work, item) for item in fresh)
                if not begun:
                    return
                yield begun.popleft().result()
                bar.update()
    finally:
        pool.shutdown(cancel_futures=True)
