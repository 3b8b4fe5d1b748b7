"""Replicas: one model on several GPUs, or on logical CPUs where there is no GPU; and on several
machines."""

import functools
import logging
import math
import os
import signal

import tensorflow as tf

from cyclegan_tf.errors import UserError
from cyclegan_tf.training.workers import Workers

_log = logging.getLogger(__name__)


def make_strategy(
    replicas: int | None, batch_size: int, workers: Workers = Workers(), wait: float = 300.0
) -> tf.distribute.Strategy:
    """Chooses the devices of a run. Several workers meet here: TensorFlow must not have computed
    anything before.

    Args:
        replicas: How many on each worker. None takes the largest number of GPUs that divides the
            batch, and one CPU where there is no GPU; of several workers, each takes one replica.
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
        replicas = _default_replicas(len(gpus), batch_size, workers)
    if batch_size % (replicas * workers.count):
        among = f"{workers.count} workers of " if workers.count > 1 else ""
        raise UserError(
            f"`batch_size={batch_size}` cannot be divided among {among}`replicas={replicas}`; "
            "make the batch a multiple of the replicas"
        )
    if gpus and replicas > len(gpus):
        raise UserError(f"`replicas={replicas}`: this machine has {len(gpus)} GPU(s)")
    if workers.count > 1:
        return _joined(workers, gpus, replicas, wait)
    kind = "GPU" if gpus else "CPU"
    if replicas == 1:
        return tf.distribute.get_strategy()
    if not gpus:
        _make_logical_cpus(replicas)
    return _mirrored(tuple(f"{kind}:{i}" for i in range(replicas)))


def _default_replicas(gpus: int, batch_size: int, workers: Workers) -> int:
    if workers.count == 1:
        return max((n for n in range(1, gpus + 1) if batch_size % n == 0), default=1)
    # All need the same number, and none knows how many GPUs the others have.
    if gpus > 1:
        _log.info("taking 1 of %d GPUs; `replicas`, the same on all workers, takes more", gpus)
    return 1


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.MirroredStrategy:
    # Two strategies over the same devices would use each other's collective keys.
    return tf.distribute.MirroredStrategy(list(devices))


def _joined(
    workers: Workers, gpus: list[tf.config.PhysicalDevice], replicas: int, wait: float
) -> tf.distribute.Strategy:
    if not gpus and replicas > 1:
        raise UserError(f"`replicas={replicas}`: a worker without GPUs has one; give `replicas=1`")
    # This strategy takes every GPU that it sees.
    tf.config.set_visible_devices(gpus[:replicas], "GPU")
    workers.meet(wait)
    _log.info("all %d workers are there; joining them, at most %g s", workers.count, wait)
    # TensorFlow's own limit is an hour, in which no line of Python would run.
    signal.alarm(math.ceil(wait))
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    finally:
        signal.alarm(0)


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
        _log.warning("TensorFlow is already at work: `intra_op_threads` has no effect")


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
