"""Replicas: one model on several GPUs, or on logical CPUs where there is no GPU; and on several
machines."""

import functools
import logging
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from cyclegan_tf.errors import UserError
from cyclegan_tf.training.workers import Workers, absent

_log = logging.getLogger(__name__)

# From joining on, all are there; what takes time is TensorFlow's start.
_JOINING = 120


def make_strategy(
    replicas: int | None, batch_size: int, workers: Workers = Workers(), wait: float = 300.0
) -> tf.distribute.Strategy:
    """Chooses the devices of a run. Several workers meet here: TensorFlow must not have computed
    anything before.

    Args:
        replicas: How many on each worker; None takes the largest number of GPUs that divides the
            batch, and one CPU where there is no GPU.
        batch_size: Pictures of each domain in a step, over all replicas.
        workers: Who takes part.
        wait: Seconds to wait for the others.

    Returns:
        TensorFlow's default strategy for one replica, a `MirroredStrategy` for several, and a
        `MultiWorkerMirroredStrategy` for several workers.

    Raises:
        UserError: If the batch cannot be divided, there are fewer devices than asked for, or
            another worker does not come.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if replicas is None:
        fitting = (n for n in range(1, len(gpus) + 1) if batch_size % (n * workers.count) == 0)
        replicas = max(fitting, default=1)
    if batch_size % (replicas * workers.count):
        among = f"{workers.count} workers of " if workers.count > 1 else ""
        raise UserError(
            f"--batch_size={batch_size} cannot be divided among {among}--replicas={replicas}; "
            "make the batch a multiple of the replicas"
        )
    if gpus and replicas > len(gpus):
        raise UserError(f"--replicas={replicas}: this machine has {len(gpus)} GPU(s)")
    if workers.count > 1:
        return _joined(workers, gpus, replicas, wait)
    kind = "GPU" if gpus else "CPU"
    if replicas == 1:
        return tf.distribute.get_strategy()
    if not gpus:
        _make_logical_cpus(replicas)
    return _mirrored(tuple(f"{kind}:{i}" for i in range(replicas)))


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.MirroredStrategy:
    # Two strategies over the same devices would use each other's collective keys.
    return tf.distribute.MirroredStrategy(list(devices))


def _joined(
    workers: Workers, gpus: list[tf.config.PhysicalDevice], replicas: int, wait: float
) -> tf.distribute.Strategy:
    if not gpus and replicas > 1:
        raise UserError(f"--replicas={replicas}: a worker without GPU has one replica")
    # This strategy takes every GPU that it sees.
    tf.config.set_visible_devices(gpus[:replicas], "GPU")
    workers.meet(wait)
    _log.info("all %d workers are there; joining them, at most %d s", workers.count, _JOINING)
    # TensorFlow's own limit is an hour, in which no line of Python would run.
    signal.alarm(_JOINING)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    finally:
        signal.alarm(0)


Gather = Callable[[Sequence[int]], np.ndarray]


def make_gather(strategy: tf.distribute.Strategy, workers: Workers) -> Gather:
    """Makes a function that every worker calls, with a few whole numbers, to get those of all.

    Returns:
        From n numbers to int64 of shape `(workers, n)`.
    """
    replicas = strategy.num_replicas_in_sync // workers.count

    @tf.function
    def gather(numbers: tf.Tensor) -> tf.Tensor:
        def on_replica() -> tf.Tensor:
            replica = tf.distribute.get_replica_context()
            # A sum in which each has a row of its own.
            row = tf.one_hot(
                replica.replica_id_in_sync_group, replica.num_replicas_in_sync, dtype=tf.int64
            )
            return replica.all_reduce("SUM", row[:, tf.newaxis] * numbers)

        return strategy.experimental_local_results(strategy.run(on_replica))[0]

    return lambda numbers: gather(tf.constant(numbers, tf.int64)).numpy()[::replicas]


def check_agreement(gather: Gather, workers: Workers, facts: Mapping[str, int]) -> None:
    """Checks that all workers are about to do the same; all of them have to call this.

    Args:
        gather: From `make_gather`.
        workers: Who takes part.
        facts: What has to be the same, by what to call it.

    Raises:
        UserError: On every worker, if something is not.
    """
    columns = gather(list(facts.values())).T
    for name, values in zip(facts, columns, strict=True):
        if len(set(values)) > 1:
            said = zip(workers.addresses, values, strict=True)
            raise UserError(
                f"the workers do not agree on the {name} "
                f"({', '.join(f'{address}: {value}' for address, value in said)}); they need the "
                "same flags, the same pictures, and a --workdir that all of them see"
            )


@contextmanager
def losing_workers(workers: Workers) -> Iterator[None]:
    """Says who is gone when TensorFlow reports that a worker is.

    Raises:
        UserError: In place of TensorFlow's error.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if workers.count == 1:
            raise
        gone = absent(workers.others)
        if not gone and not isinstance(error, tf.errors.UnavailableError):
            raise
        who = f"the worker at {', '.join(gone)}" if gone else "another worker"
        raise UserError(
            f"{who} is gone; the last checkpoint is kept. Start the same command on every machine "
            "to go on from there"
        ) from error


def device_name(workers: Workers = Workers()) -> str:
    """Names what a run computes on, such as `NVIDIA H100 x 2` or `CPU, 2 cores, 2 workers`."""
    gpus = tf.config.list_physical_devices("GPU")
    together = f", {workers.count} workers" if workers.count > 1 else ""
    if not gpus:
        return f"CPU, {os.cpu_count()} cores{together}"
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    return (f"{name} x {len(gpus)}" if len(gpus) > 1 else name) + together


def set_intra_op_threads(threads: int) -> None:
    """Sets how many CPU threads work within an operation.

    TensorFlow takes this only before it has computed anything; later it stays as it is, which
    is logged, for it changes the speed alone.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError:
        _log.warning("TensorFlow is already at work: --intra_op_threads has no effect")


def _make_logical_cpus(count: int) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    configured = tf.config.get_logical_device_configuration(cpu) or []
    if len(configured) >= count:
        return
    devices = [tf.config.LogicalDeviceConfiguration()] * count
    try:
        tf.config.set_logical_device_configuration(cpu, devices)
    except RuntimeError as error:
        raise UserError(
            f"{count} logical CPUs have to be asked for before TensorFlow computes anything"
        ) from error
