"""Work in threads: in order, and never more of it than there is room for."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cyclegan_tf.threads import in_order


@pytest.fixture
def pool():
    with ThreadPoolExecutor(4) as threads:
        yield threads


@pytest.mark.parametrize("ahead", [True, False])
def test_results_come_in_the_items_order(pool, ahead):
    def late(number):
        time.sleep(0.02 if number % 5 == 0 else 0.0)
        return number * number

    found = list(in_order(pool, late, range(30), lambda _: 1, 7, ahead))
    assert found == [number * number for number in range(30)]


def test_no_more_is_taken_than_there_is_room_for(pool):
    taken, given = [], []

    def items():
        for number in range(40):
            taken.append(number)
            yield number

    for number in in_order(pool, lambda n: n, items(), lambda _: 10, 50, ahead=True):
        # Five are within the budget, and one more is there for the first to be given.
        assert len(taken) - len(given) <= 6
        given.append(number)
    assert given == list(range(40))


def test_an_item_larger_than_the_room_passes_alone(pool):
    assert list(in_order(pool, str, [1, 100, 2], lambda n: n, 10, ahead=True)) == ["1", "100", "2"]


def test_work_ahead_is_done_while_the_first_result_is_used(pool):
    done = threading.Event()

    def work(number):
        if number == 3:
            done.set()
        return number

    results = in_order(pool, work, range(10), lambda _: 1, 5, ahead=True)
    assert next(results) == 0
    assert done.wait(5)


def test_what_is_done_behind_is_told_at_once(pool):
    taken = []

    def items():
        for number in range(10):
            taken.append(number)
            yield number
            time.sleep(0.05)

    results = in_order(pool, lambda n: n, items(), lambda _: 1, 100, ahead=False)
    assert next(results) == 0
    assert len(taken) <= 3


def test_an_error_comes_where_its_result_would(pool):
    results = in_order(pool, lambda n: 1 // (2 - n), range(5), lambda _: 1, 10, ahead=True)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
