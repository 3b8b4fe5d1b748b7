"""Items worked on in parallel: in order, bounded, and errors come out."""

import os
import time

import pytest

from cyclegan_tf.preparation.parallel import in_order


def test_results_come_in_the_items_order():
    def slow_first(number):
        time.sleep(0.05 if number == 0 else 0)
        return number * number

    assert list(in_order(slow_first, range(50), "x")) == [n * n for n in range(50)]


def test_items_are_not_taken_far_ahead():
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield number

    results = in_order(lambda n: n, items(), "x")
    assert next(results) == 0
    assert len(taken) <= 4 * os.cpu_count() + 1
    results.close()
    assert len(taken) <= 4 * os.cpu_count() + 1


def test_errors_come_out():
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda n: 1 // n, [1, 0], "x"))
