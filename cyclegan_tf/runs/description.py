"""Description of a run before it starts, for the dry run."""

import keras
import tensorflow as tf

from cyclegan_tf.config.config import Config
from cyclegan_tf.runs.assembly import geometry
from cyclegan_tf.runs.experiment import Experiment


def describe(experiment: Experiment) -> str:
    """Describe a run: data, networks, steps, devices and memory.

    Args:
        experiment: The run. Its model is built, but no step is computed.

    Returns:
        A few lines of text, each with a title.
    """
    config, data, model = experiment.config, experiment.train_data, experiment.model
    test = experiment.test_data
    tests = f"{len(test.a)} / {len(test.b)}" if test else "none"
    names = config.domain_names
    domains = f"{' / '.join(names)}: " if names != ("A", "B") and config.needs_b else ""
    scorer = f" + {config.model.discriminator}" if "discriminator" in model.players else ""
    # Count each kind once: with two directions, there are two generators and two discriminators.
    sizes = {name.split("_")[0]: net.count_params() for name, net in model.networks.items()}
    parameters = " + ".join(f"{size:,}" for size in sizes.values())
    gigabytes = expected_memory(experiment) / 2**30
    replicas = experiment.strategy.num_replicas_in_sync
    gpus = len(tf.config.list_physical_devices("GPU"))
    workers = experiment.workers
    devices = f"{replicas} replica(s), {gpus} GPU(s) found"
    if workers.count > 1:
        role = "the chief" if workers.is_chief else f"worker {workers.index}"
        devices += f"; {workers.count} workers, this is {role}"
    return "\n".join(
        (
            f"workdir:     {experiment.workdir.root}",
            f"data:        {domains}{len(data.a)} / {len(data.b)} training images, "
            f"{tests} test images",
            f"networks:    {config.model.generator}{scorer}, {parameters} parameters per direction",
            f"steps:       {experiment.stop_step:,} of {config.data.batch_size} pair(s), "
            f"{experiment.steps_per_epoch:,} per epoch, on {devices}",
            f"memory:      about {gigabytes:.2g} GiB per replica, plus TensorFlow's overhead",
        )
    )


def expected_memory(experiment: Experiment) -> int:
    """Estimate the memory of weights, optimizers, pools and the activations of a step, in bytes.

    Counts every variable once, a gradient for each trainable one, and the outputs of all
    layers for each pass of a step, because back-propagation keeps them.
    """
    config, model = experiment.config, experiment.model
    variables = [v for group in model.state().values() for v in group.values()]
    trained = [v for player in model.players for v in model.trained_variables(player)]
    fixed = sum(_bytes(v.shape) for v in variables) + sum(_bytes(v.shape) for v in trained)
    sides = geometry(config).output_size
    # If images differ in size, assume the load size.
    height, width = (side or config.data.load_size // 4 * 4 for side in sides)
    local_batch = config.data.batch_size // experiment.strategy.num_replicas_in_sync
    kept = 0.0
    for name, network in model.networks.items():
        shape = (local_batch, height, width, network.input_shape[-1])
        kept += _activations(network, shape) * _runs(config, name)
    return fixed + round(kept if config.optimizer.precision == "float32" else kept / 2)


def _runs(config: Config, name: str) -> float:
    """Return how many times a step keeps the activations of a network simultaneously."""
    if name.startswith("discriminator"):
        return 2
    if config.model.model != "cyclegan":
        return 1
    if config.run.remat:
        # Passes may be joined, and only one generator recomputes its activations at a time.
        return 1 if config.objective.lambda_identity else 0.5
    return 3 if config.objective.lambda_identity else 2


def _activations(network: keras.Model, shape: tuple[int, ...]) -> int:
    """Return the size of all layers' outputs in float32, in bytes."""
    graph = tf.function(network).get_concrete_function(tf.TensorSpec(shape)).graph
    produced = (output for op in graph.get_operations() for output in op.outputs)
    return sum(
        _bytes(output.shape)
        for output in produced
        if output.dtype.is_floating and output.shape.rank == 4 and output.shape[0] == shape[0]
    )


def _bytes(shape: tf.TensorShape) -> int:
    return 4 * int(tf.TensorShape(shape).num_elements() or 0)
