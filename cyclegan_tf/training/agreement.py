"""Agreement between several workers, and the error when one of them is lost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from cyclegan_tf.errors import UserError
from cyclegan_tf.training.workers import Workers, absent

Gather = Callable[[Sequence[int]], np.ndarray]


def make_gather(strategy: tf.distribute.Strategy, workers: Workers) -> Gather:
    """Create a function that gathers a few integers from all workers; every worker must call it.

    Returns:
        A function from n integers to int64 of shape `(workers, n)`.
    """
    replicas = strategy.num_replicas_in_sync // workers.count

    @tf.function
    def gather(numbers: tf.Tensor) -> tf.Tensor:
        def on_replica() -> tf.Tensor:
            return tf.distribute.get_replica_context().all_gather(numbers[tf.newaxis], axis=0)

        return strategy.experimental_local_results(strategy.run(on_replica))[0]

    return lambda numbers: gather(tf.constant(numbers, tf.int64)).numpy()[::replicas]


def check_agreement(gather: Gather, workers: Workers, facts: Mapping[str, int]) -> None:
    """Check that values are equal on all workers; every worker must call this.

    Args:
        gather: From `make_gather`.
        workers: The workers of the run.
        facts: Values that must be equal, by the name to use in the error.

    Raises:
        UserError: On every worker, if a value differs.
    """
    columns = gather(list(facts.values())).T
    for name, values in zip(facts, columns, strict=True):
        if len(set(values)) > 1:
            found = zip(workers.addresses, values, strict=True)
            raise UserError(
                f"the workers do not agree on the {name} "
                f"({', '.join(f'{address}: {value}' for address, value in found)}); they need the "
                "same flags, the same images, and a `workdir` that all of them see"
            )


class WorkerLost(UserError):
    """Another worker is gone; TensorFlow would wait for it forever when the process exits."""

    at_once = True


# TensorFlow raises these when a worker does not answer or was replaced by another process.
_FROM_OTHERS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.FailedPreconditionError,
    tf.errors.DeadlineExceededError,
    tf.errors.CancelledError,
)


@contextmanager
def losing_workers(workers: Workers) -> Iterator[None]:
    """Convert TensorFlow's errors about a lost worker to one that names the worker.

    Raises:
        WorkerLost: Instead of TensorFlow's error.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if workers.count == 1:
            raise
        gone = absent(workers.others)
        if not gone and not isinstance(error, _FROM_OTHERS):
            raise
        who = f"the worker at {', '.join(gone)}" if gone else "another worker"
        raise WorkerLost(
            f"{who} is gone; the last checkpoint is kept. Start the same command on every machine "
            "to resume"
        ) from error
