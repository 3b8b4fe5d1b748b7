"""The loop ends where it should, saves when it should, and stops at what is no number."""

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
import tensorflow as tf

from cyclegan_tf.errors import UserError
from cyclegan_tf.training import loop
from cyclegan_tf.training.distribution import make_strategy


class Recorder:
    def __init__(self) -> None:
        self.steps: list[int] = []
        self.closed = False

    def after_step(self, step: int, metrics: dict[str, float]) -> None:
        self.steps.append(step)

    def close(self) -> None:
        self.closed = True


def run(step_function: Callable, start: int = 0, stop: int = 10, **options: object) -> Recorder:
    recorder, saves = Recorder(), []
    recorder.saves = saves  # type: ignore[attr-defined]
    try:
        loop.train(
            loop.one_by_one(step_function),
            itertools.repeat((tf.zeros(1), tf.zeros(1))),
            start,
            stop,
            save=saves.append,
            save_every=4,
            observers=[recorder],
            **options,  # type: ignore[arg-type]
        )
    except Exception as error:
        error.recorder = recorder  # type: ignore[attr-defined]
        raise
    return recorder


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


def fine(batch: object) -> dict[str, tf.Tensor]:
    return {"loss": tf.constant(1.0)}


def test_every_step_is_observed_and_the_last_is_saved() -> None:
    recorder = run(fine, start=3)
    assert recorder.steps == [4, 5, 6, 7, 8, 9, 10]
    assert recorder.saves == [4, 8, 10]  # type: ignore[attr-defined]
    assert recorder.closed


def test_a_disk_that_is_full_is_told_once_and_everything_is_closed() -> None:
    class Full(Recorder):
        def after_step(self, step: int, metrics: dict[str, float]) -> None:
            if step == 3:
                raise OSError("full at first")

        def close(self) -> None:
            super().close()
            raise OSError("full at the end")

    def train(stop: int) -> list[Recorder]:
        observers = [Recorder(), Full(), Recorder()]
        stream = itertools.repeat((tf.zeros(1), tf.zeros(1)))
        take = loop.one_by_one(fine)
        with pytest.raises(OSError, match="at first" if stop > 2 else "at the end"):
            loop.train(take, stream, 0, stop, lambda step: None, 9, observers)
        return observers

    for stop in (2, 5):
        assert all(observer.closed for observer in train(stop))


def test_those_that_were_made_are_closed_if_the_next_one_cannot_be() -> None:
    first = Recorder()

    def observers() -> Iterator[Recorder]:
        yield first
        raise OSError("no room for the next")

    take = loop.one_by_one(fine)
    with pytest.raises(OSError, match="no room"):
        loop.train(take, [], 0, 1, lambda step: None, 1, observers())
    assert first.closed and not first.steps


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_stops_the_run_unsaved(value: float) -> None:
    values = iter([1.0, 1.0, value])
    with pytest.raises(loop.NotFinite, match=r"bad_loss became .* at step 3") as caught:
        run(lambda batch: {"loss": tf.constant(1.0), "bad_loss": tf.constant(next(values))})
    recorder = caught.value.recorder  # type: ignore[attr-defined]
    assert recorder.saves == []
    assert recorder.closed


def test_a_device_without_enough_memory_is_an_error_that_says_what_to_do() -> None:
    def too_large(batch: object) -> dict[str, tf.Tensor]:
        message = "OOM when allocating tensor with shape[16,256,256,64]\n\t[[{{node x}}]]"
        raise tf.errors.ResourceExhaustedError(None, None, message)

    with pytest.raises(UserError, match="--batch_size") as caught:
        run(too_large, start=3)
    assert "after step 3" in str(caught.value)
    assert "shape[16,256,256,64]" in str(caught.value) and "\n" not in str(caught.value)


def test_gradients_may_overflow_only_under_loss_scaling() -> None:
    def overflowing(batch: object) -> dict[str, tf.Tensor]:
        return {"generator_gradient_norm": tf.constant(float("inf"))}

    assert run(overflowing, may_overflow=True).steps[-1] == 10
    with pytest.raises(loop.NotFinite, match="generator_gradient_norm"):
        run(overflowing)


def test_gradients_that_overflow_for_good_stop_even_under_loss_scaling() -> None:
    def overflowing(batch: object) -> dict[str, tf.Tensor]:
        return {"generator_gradient_norm": tf.constant(float("nan"))}

    with pytest.raises(loop.NotFinite, match="at step 40"):
        run(overflowing, stop=100, may_overflow=True)


def test_pictures_of_many_sizes_do_not_cost_a_trace_each() -> None:
    traces = []

    def train_step(batch: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        traces.append(batch)
        return {"mean": tf.reduce_mean(batch[0])}

    step = loop.distributed_step(make_strategy(1, 1), train_step)
    for side in range(8, 40, 4):
        step((tf.zeros((1, side, side + 4, 3)), tf.zeros((1, side, side, 3))))
    assert len(traces) <= 3


@pytest.mark.parametrize("replicas", [1, 2])
def test_steps_in_one_call_are_the_same_steps(replicas: int) -> None:
    strategy = make_strategy(replicas, batch_size=2)
    dataset = tf.data.Dataset.range(1, 100).map(lambda i: (tf.fill([2, 1], i), tf.zeros([2, 1])))

    def run_all(make_take: Callable, **options: int) -> tuple[list, list, list]:
        with strategy.scope():
            total = tf.Variable(0.0, aggregation=tf.VariableAggregation.SUM)

        def train_step(batch: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
            total.assign_add(tf.reduce_mean(tf.cast(batch[0], tf.float32)))
            return {"total": total.read_value(), "twice": 2.0 * total}

        seen: list[tuple[int, dict[str, float]]] = []
        calls: list[int] = []
        saves: list[int] = []

        class Observer(Recorder):
            def after_step(self, step: int, metrics: dict[str, float]) -> None:
                seen.append((step, metrics))

        take = make_take(loop.distributed_step(strategy, train_step))

        def counted(stream: object, count: int) -> object:
            calls.append(count)
            return take(stream, count)

        distributed = strategy.experimental_distribute_dataset(dataset)
        loop.train(counted, distributed, 0, 11, saves.append, 6, [Observer()], **options)
        assert saves == [6, 11]
        return seen, calls, saves

    alone, _, _ = run_all(loop.one_by_one)
    joined, calls, _ = run_all(loop.in_one_call, steps_per_call=4, look_every=5)
    assert joined == alone
    assert [step for step, _ in alone] == list(range(1, 12))
    # A call ends where a checkpoint (6) or a look at the networks (5, 10) is due.
    assert calls == [4, 1, 1, 4, 1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_step_saves_and_leaves(number: int) -> None:
    count = itertools.count(1)

    def interrupted(batch: object) -> dict[str, tf.Tensor]:
        if next(count) == 6:
            os.kill(os.getpid(), number)
        return fine(batch)

    before = signal.getsignal(number)
    with pytest.raises(loop.Interrupted, match="at step 6") as caught:
        run(interrupted)
    assert caught.value.exit_status == 128 + number
    recorder = caught.value.recorder  # type: ignore[attr-defined]
    assert recorder.saves == [4, 6]
    assert recorder.closed
    assert signal.getsignal(number) == before


def test_a_second_signal_ends_at_once() -> None:
    def twice(batch: object) -> dict[str, tf.Tensor]:
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        os.kill(os.getpid(), signal.SIGINT)
        # Two signals that come before Python looks are one.
        wait_until(lambda: signal.getsignal(signal.SIGINT) is signal.default_int_handler)
        os.kill(os.getpid(), signal.SIGINT)
        wait_until(lambda: False)
        raise AssertionError("the second signal has not come through")

    with pytest.raises(KeyboardInterrupt):
        run(twice)


def test_xla_on_logical_cpus_is_refused() -> None:
    mirrored = make_strategy(2, batch_size=2)
    with pytest.raises(UserError, match="jit_compile"):
        loop.distributed_step(mirrored, lambda batch: {}, jit_compile=True)
