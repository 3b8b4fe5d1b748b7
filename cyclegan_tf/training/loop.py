"""The training loop: runs steps until the end, a signal, or a value that is not finite."""

import logging
import math
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

import tensorflow as tf

from cyclegan_tf.errors import UserError, reason
from cyclegan_tf.training.observers import Observer

_log = logging.getLogger(__name__)

# Not the former handlers: a shell makes its background processes ignore SIGINT.
_ENDING: dict[int, Any] = {
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
}

_NORM = "gradient_norm"
# By then the loss scale has fallen to 1: gradients that still overflow are not finite.
_OVERFLOWS = 40


class Interrupted(Exception):
    """A signal stopped the run after it saved a checkpoint."""

    def __init__(self, number: int, step: int) -> None:
        super().__init__(
            f"stopped by {signal.Signals(number).name} at step {step}; checkpoint saved"
        )
        self.exit_status = 128 + number  # As a shell reports it.


class NotFinite(UserError):
    """A loss or a gradient became NaN or infinite."""


Batch = tuple[tf.Tensor, tf.Tensor]
Step = Callable[[Batch], Mapping[str, tf.Tensor]]
# Takes a number of steps on the next batches and returns the metrics of each.
Take = Callable[[Iterator[Batch], int], Iterable[Mapping[str, float]]]


def train(
    take: Take,
    batches: Iterable[Batch],
    start_step: int,
    stop_step: int,
    save: Callable[[int], None],
    save_every: int,
    observers: Iterable[Observer] = (),
    may_overflow: bool = False,
    steps_per_call: int = 1,
    look_every: int | None = None,
    agree: Callable[[int], int] = int,
) -> None:
    """Train from `start_step` to `stop_step`.

    Args:
        take: From `one_by_one` or `in_one_call`.
        batches: The input stream, positioned at `start_step`.
        start_step: Steps taken before.
        stop_step: Total steps at the end.
        save: Writes a checkpoint of a step.
        save_every: Steps between checkpoints; one is also written at the end.
        observers: Called after every step. If creating one fails, the earlier ones are closed.
        may_overflow: Whether gradient norms may occasionally be infinite, as with loss scaling,
            which skips such updates and lowers the scale.
        steps_per_call: Steps per call of `take`; fewer if a checkpoint or `look_every` is due.
        look_every: Steps between observations of the networks (default: `save_every`).
        agree: Called after every call of `take` with the number of the received signal, or 0.
            Returns the signal to stop for, because all workers must stop at the same step.

    Raises:
        NotFinite: If a metric is not finite; no checkpoint is saved then.
        UserError: If the device runs out of memory.
        Interrupted: After SIGTERM or SIGINT, with a checkpoint. A second signal ends the
            process at once.
    """
    overflows = 0
    step = start_step
    due = (save_every, look_every or save_every)
    with ExitStack() as stack, _signals() as received:
        opened = []
        for observer in observers:
            # Closes every observer even if one fails, and reports the first error.
            stack.push(_closing(observer))
            opened.append(observer)
        stream = iter(batches)
        while step < stop_step:
            rest = (stop_step - step, *(every - step % every for every in due))
            for metrics in _within_memory(take(stream, min(steps_per_call, *rest)), step):
                step += 1
                overflows = overflows + 1 if _overflowed(metrics) else 0
                _check_finite(metrics, step, may_overflow and overflows < _OVERFLOWS)
                for observer in opened:
                    observer.after_step(step, dict(metrics))
            number = agree(received[0] if received else 0)
            if step % save_every == 0 or step == stop_step or number:
                save(step)
            if number:
                raise Interrupted(number, step)


def _within_memory(
    taken: Iterable[Mapping[str, float]], step: int
) -> Iterator[Mapping[str, float]]:
    """Yield the metrics, and convert an out-of-memory error to one that suggests remedies."""
    try:
        yield from taken
    except tf.errors.ResourceExhaustedError as error:
        raise UserError(
            f"the device ran out of memory after step {step}. Use a smaller `batch_size` or "
            "`crop_size`, `remat`, or `precision=mixed_bfloat16`; another process may also hold "
            f"the memory. TensorFlow reports: {reason(error)}"
        ) from error


def _closing(observer: Observer) -> Callable[..., None]:
    """Return an exit callback that closes an observer."""

    def close(kind: object, error: BaseException | None, trace: object) -> None:
        try:
            observer.close()
        except OSError:  # For example on a full disk; the first error matters more.
            if error is None:
                raise

    return close


def one_by_one(step: Step) -> Take:
    """Create a `Take` that returns to Python after every step."""

    def take(stream: Iterator[Batch], count: int) -> Iterator[dict[str, float]]:
        for _ in range(count):
            metrics = step(next(stream))
            # One array is copied to the host, not a dozen scalars that each wait for a GPU.
            values = tf.stack(list(metrics.values())).numpy()
            yield dict(zip(metrics, map(float, values), strict=True))

    return take


def in_one_call(step: Step) -> Take:
    """Create a `Take` that runs all steps in one graph call: a GPU need not wait for Python."""
    names: list[str] = []

    @tf.function(reduce_retracing=True)
    def loop(stream: Iterator[Batch], count: tf.Tensor) -> tf.Tensor:
        rows = tf.TensorArray(tf.float32, count)
        for i in tf.range(count):
            metrics = step(next(stream))
            names[:] = list(metrics)
            rows = rows.write(i, tf.stack(list(metrics.values())))
        return rows.stack()

    def take(stream: Iterator[Batch], count: int) -> list[dict[str, float]]:
        rows = loop(stream, tf.constant(count)).numpy()
        return [dict(zip(names, map(float, row), strict=True)) for row in rows]

    return take


def distributed_step(
    strategy: tf.distribute.Strategy,
    train_step: Step,
    jit_compile: bool = False,
) -> Step:
    """Compile a training step that runs on every replica of a strategy.

    Args:
        strategy: The strategy to run in.
        train_step: Takes a replica's part of a batch and returns scalars that are equal on
            every replica.
        jit_compile: Whether to compile it with XLA.

    Raises:
        UserError: If `jit_compile` is set with several replicas on CPUs.
    """
    if (
        jit_compile
        and strategy.num_replicas_in_sync > 1
        and not tf.config.list_physical_devices("GPU")
    ):
        raise UserError("`jit_compile` with several replicas needs GPUs; use `replicas=1`")
    replica_step = tf.function(train_step, jit_compile=True) if jit_compile else train_step

    # Images may differ in size; avoid one trace per size.
    @tf.function(reduce_retracing=True)
    def step(batch: Batch) -> Mapping[str, tf.Tensor]:
        scalars = strategy.run(replica_step, args=(batch,))
        return {
            name: strategy.experimental_local_results(value)[0] for name, value in scalars.items()
        }

    return step


def _overflowed(metrics: Mapping[str, float]) -> bool:
    return not all(math.isfinite(metrics[name]) for name in metrics if name.endswith(_NORM))


def _check_finite(metrics: Mapping[str, float], step: int, may_overflow: bool) -> None:
    for name, value in metrics.items():
        if not math.isfinite(value) and not (may_overflow and name.endswith(_NORM)):
            raise NotFinite(
                f"{name} became {value} at step {step}; earlier checkpoints are kept. "
                "Try a lower `learning_rate`, or `precision=float32`, in another `workdir`"
            )


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect SIGTERM and SIGINT; a second one ends the process."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        _log.warning("stopping after this step (signal again to stop at once)")
        for handled, ending in _ENDING.items():
            signal.signal(handled, ending)

    before = {number: signal.getsignal(number) for number in _ENDING}
    for number in before:
        signal.signal(number, note)
    try:
        yield received
    finally:
        for number, former in before.items():
            signal.signal(number, former)
