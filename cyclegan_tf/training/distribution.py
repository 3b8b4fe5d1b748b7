"""Replicas: one model on several GPUs, on logical CPUs without GPUs, or on several machines."""

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
    """Choose the devices of a run and connect several workers.

    With several workers, call it before TensorFlow computes anything.

    Args:
        replicas: Replicas per worker. None uses the largest number of GPUs that divides the batch,
            or one CPU without GPUs; with several workers, one replica each.
        batch_size: Images of each domain per step, over all replicas.
        workers: The workers of the run.
        wait: Seconds to wait for the other workers.

    Returns:
        TensorFlow's default strategy for one replica, a `MirroredStrategy` for several, and a
        `MultiWorkerMirroredStrategy` for several workers.

    Raises:
        UserError: If the batch is not a multiple of the replicas, there are too few devices, or
            another worker does not appear.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if replicas is None:
        replicas = _default_replicas(len(gpus), batch_size, workers)
    if batch_size % (replicas * workers.count):
        among = f"{workers.count} workers of " if workers.count > 1 else ""
        raise UserError(
            f"`batch_size={batch_size}` cannot be divided among {among}`replicas={replicas}`; "
            "use a multiple of the total number of replicas"
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
    # All workers need the same number, and none knows how many GPUs the others have.
    if gpus > 1:
        _log.info("using 1 of %d GPUs; set `replicas`, the same on all workers, to use more", gpus)
    return 1


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.MirroredStrategy:
    # Two strategies over the same devices would share collective keys.
    return tf.distribute.MirroredStrategy(list(devices))


def _joined(
    workers: Workers, gpus: list[tf.config.PhysicalDevice], replicas: int, wait: float
) -> tf.distribute.Strategy:
    if not gpus and replicas > 1:
        raise UserError(f"`replicas={replicas}`: a worker without GPUs runs one; use `replicas=1`")
    # The strategy uses every visible GPU.
    tf.config.set_visible_devices(gpus[:replicas], "GPU")
    workers.meet(wait)
    _log.info("all %d workers are reachable; connecting, at most %g s", workers.count, wait)
    # TensorFlow's own timeout is an hour, during which no Python code runs.
    signal.alarm(math.ceil(wait))
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    finally:
        signal.alarm(0)


def device_name(workers: Workers = Workers()) -> str:
    """Return the device of a run, such as `NVIDIA H100 x 2` or `CPU, 2 cores, 2 workers`."""
    gpus = tf.config.list_physical_devices("GPU")
    together = f", {workers.count} workers" if workers.count > 1 else ""
    if not gpus:
        return f"CPU, {os.cpu_count()} cores{together}"
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    return (f"{name} x {len(gpus)}" if len(gpus) > 1 else name) + together


def set_intra_op_threads(threads: int) -> None:
    """Set how many CPU threads work within an operation.

    TensorFlow accepts this only before it has computed anything. Later calls have no effect and
    log a warning instead of failing, because only the speed depends on it.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError:
        _log.warning("TensorFlow has already started: `intra_op_threads` has no effect")


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
            f"{count} logical CPUs must be configured before TensorFlow computes anything"
        ) from error
