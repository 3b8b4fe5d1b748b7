"""Random arrays, layers on several replicas, and what a graph is made of."""

import numpy as np
import tensorflow as tf


def numbers(*shape, seed=0, mean=0.0, deviation=1.0):
    return np.random.default_rng(seed).normal(mean, deviation, shape).astype(np.float32)


def on_replicas(strategy, layer, images, **options):
    """What a layer makes of a global batch, each replica taking its part."""
    parts = np.split(images, strategy.num_replicas_in_sync)
    local = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(parts[context.replica_id_in_sync_group])
    )
    results = strategy.run(layer, args=(local,), kwargs=options)
    return np.concatenate(strategy.experimental_local_results(results))


def operations(function, *arguments):
    """The kinds of operations in a function's graph, with repetitions."""
    graph = tf.function(function).get_concrete_function(*arguments).graph
    return [operation.type for operation in graph.get_operations()]
