"""The loop: step after step until the end, a signal, or a number that is none."""

import logging
import math
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import tensorflow as tf

from cyclegan_tf.config import UserError
from cyclegan_tf.training.observers import Observer

_log = logging.getLogger(__name__)

# Not what stood there before: a shell lets its background processes ignore SIGINT.
_ENDING: dict[int, Any] = {
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
}

_NORM = "gradient_norm"
# A loss scale has fallen from its first value to 1 by then: what still overflows is no number.
_OVERFLOWS = 40


class Interrupted(Exception):
    """A signal asked the run to stop; it did, after a checkpoint."""

    def __init__(self, number: int, step: int) -> None:
        super().__init__(
            f"stopped by {signal.Signals(number).name} at step {step}; checkpoint kept"
        )
        self.exit_status = 128 + number  # As a shell reports a process ended by this signal.


class NotFinite(UserError):
    """A loss or a gradient became NaN or infinite."""


def train(
    step_function: Callable[[tuple[tf.Tensor, tf.Tensor]], Mapping[str, tf.Tensor]],
    batches: Iterable[tuple[tf.Tensor, tf.Tensor]],
    start_step: int,
    stop_step: int,
    save: Callable[[int], None],
    save_every: int,
    observers: Sequence[Observer] = (),
    may_overflow: bool = False,
) -> None:
    """Trains from `start_step` to `stop_step`.

    Args:
        step_function: Takes a batch, updates everything and gives scalars by name.
        batches: The stream, standing at `start_step`.
        start_step: Steps taken before.
        stop_step: Steps taken when this ends.
        save: Writes a checkpoint of a step.
        save_every: Steps between checkpoints; one is also written at the end.
        observers: Are told of every step.
        may_overflow: Whether gradient norms may be infinite now and then, as under loss
            scaling, which leaves such updates out and lowers the scale.

    Raises:
        NotFinite: If a number is not finite; nothing is saved then.
        Interrupted: After SIGTERM or SIGINT, with a checkpoint. A second one ends the
            process at once.
    """
    overflows = 0
    try:
        with _signals() as received:
            for step, batch in zip(range(start_step + 1, stop_step + 1), batches, strict=False):
                metrics = {name: float(value) for name, value in step_function(batch).items()}
                overflows = overflows + 1 if _overflowed(metrics) else 0
                _check_finite(metrics, step, may_overflow and overflows < _OVERFLOWS)
                for observer in observers:
                    observer.after_step(step, metrics)
                if step % save_every == 0 or step == stop_step or received:
                    save(step)
                if received:
                    raise Interrupted(received[0], step)
    finally:
        for observer in observers:
            observer.close()


def distributed_step(
    strategy: tf.distribute.Strategy,
    train_step: Callable[[tuple[tf.Tensor, tf.Tensor]], Mapping[str, tf.Tensor]],
    jit_compile: bool = False,
) -> Callable[[tuple[tf.Tensor, tf.Tensor]], Mapping[str, tf.Tensor]]:
    """Compiles a training step that runs on every replica of a strategy.

    Args:
        strategy: Where it runs.
        train_step: Takes a replica's part of a batch and gives scalars that are the same on
            every replica.
        jit_compile: Whether XLA compiles it.

    Raises:
        UserError: If XLA is asked for on several replicas without GPUs.
    """
    if (
        jit_compile
        and strategy.num_replicas_in_sync > 1
        and not tf.config.list_physical_devices("GPU")
    ):
        raise UserError("--jit_compile works on several replicas only where these are GPUs")
    replica_step = tf.function(train_step, jit_compile=True) if jit_compile else train_step

    # Pictures may differ in size; each must not cost a trace of its own.
    @tf.function(reduce_retracing=True)
    def step(batch: tuple[tf.Tensor, tf.Tensor]) -> Mapping[str, tf.Tensor]:
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
                f"{name} became {value} at step {step}; the last checkpoint is from before. "
                "Try a lower --learning_rate, or --precision=float32, in another --workdir"
            )


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collects SIGTERM and SIGINT; a second one ends the process."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        _log.warning("stopping after this step (again to stop at once)")
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
