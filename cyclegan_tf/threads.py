"""Work done in threads ahead of, or behind, the one that waits for it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_order(
    pool: Executor,
    function: Callable[[_Item], _Result],
    items: Iterable[_Item],
    cost: Callable[[_Item], int],
    budget: int,
    ahead: bool,
) -> Iterator[_Result]:
    """Applies a function to items in a pool, and gives the results in the items' order.

    Args:
        pool: Of threads.
        function: What to apply.
        items: Taken only as there is room.
        cost: What an item takes up until its result is asked for.
        budget: How much may be taken up. A single item may cost more.
        ahead: Whether as much as possible is begun before the first result is given; if not, a
            result is given as soon as it is there.

    Yields:
        The results; what the function raises is raised.
    """
    waiting: deque[tuple[Future[_Result], int]] = deque()
    taken = 0
    try:
        for item in items:
            waiting.append((pool.submit(function, item), cost(item)))
            taken += waiting[-1][1]
            while waiting and (taken > budget or (not ahead and waiting[0][0].done())):
                taken -= waiting[0][1]
                yield waiting.popleft()[0].result()
        while waiting:
            yield waiting.popleft()[0].result()
    finally:
        for future, _ in waiting:
            future.cancel()
