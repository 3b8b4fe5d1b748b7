"""Work done in background threads, with results in order."""

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
    """Apply a function to items in a pool, and yield the results in the items' order.

    Args:
        pool: The thread pool.
        function: The function to apply.
        items: The items, consumed only as the budget allows.
        cost: Returns the cost of an item, which it holds until its result is requested.
        budget: Maximum total cost of pending items. A single item may exceed it.
        ahead: Whether to use up the budget before yielding the first result. If False, a result
            is yielded as soon as it is ready.

    Yields:
        The results. Exceptions of the function are raised.
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
