"""Replicas: one model on several GPUs, or on logical CPUs where there is no GPU."""

import functools
import logging
import os

import tensorflow as tf

from cyclegan_tf.errors import UserError

_log = logging.getLogger(__name__)


def make_strategy(replicas: int | None, batch_size: int) -> tf.distribute.Strategy:
    """Chooses the devices of a run.

    Args:
        replicas: How many; None takes the largest number of GPUs that divides the batch, and
            one CPU where there is no GPU.
        batch_size: Pictures of each domain in a step, over all replicas.

    Returns:
        TensorFlow's default strategy for one replica, else a `MirroredStrategy`.

    Raises:
        UserError: If the batch cannot be divided, or there are fewer GPUs than asked for.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if replicas is None:
        replicas = max((n for n in range(1, len(gpus) + 1) if batch_size % n == 0), default=1)
    if batch_size % replicas:
        raise UserError(
            f"--batch_size={batch_size} cannot be divided among --replicas={replicas}; "
            "make the batch a multiple of the replicas"
        )
    if gpus and replicas > len(gpus):
        raise UserError(f"--replicas={replicas}: this machine has {len(gpus)} GPU(s)")
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


def device_name() -> str:
    """Names what this machine computes on, such as `NVIDIA H100 x 2` or `CPU, 2 cores`."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return f"CPU, {os.cpu_count()} cores"
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    return f"{name} x {len(gpus)}" if len(gpus) > 1 else name


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
