"""Differences between Keras 2 and Keras 3; no other file depends on the version.

TensorFlow 2.20 and later include Keras 3. TensorFlow 2.15 includes Keras 2 and is the last version
that works with tensorflow-addons.
"""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

KERAS_3 = keras.__version__.startswith("3")


def _instance_normalization() -> tuple[Any, dict[str, Any]]:
    if KERAS_3:
        return keras.layers.GroupNormalization, {"groups": -1}
    with warnings.catch_warnings():
        # TensorFlow Addons warns at import that its development has ended.
        warnings.simplefilter("ignore")
        import tensorflow_addons as tfa
    # Its variance overflows in float16; Keras 3 computes in float32 internally.
    return tfa.layers.InstanceNormalization, {"dtype": "float32"}


# The installed layer, and its arguments for instance norm; both layers agree bit for bit.
InstanceNormalization, INSTANCE_NORMALIZATION_ARGUMENTS = _instance_normalization()


def compile_without_loss(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
    """Mark a model with its own `train_step` as compiled.

    Keras' default optimizer would be built and checkpointed without being used. Keras 3 accepts
    `None` instead; Keras 2 does not and receives an optimizer that the model already has.
    """
    if KERAS_3:
        # XLA only on request; "auto" would enable it on a GPU.
        keras.Model.compile(model, optimizer=None, jit_compile=False)
    else:
        keras.Model.compile(model, optimizer=optimizer)
        # Every replica returns the global means; by default, `fit` would sum them.
        model.distribute_reduction_method = "first"
    # The model has no single input to build from; its networks are already built.
    model.built = True


def raw_variable(variable: Any) -> tf.Variable:
    """Return the `tf.Variable` of a Keras variable (in Keras 2, the variable itself)."""
    return variable.value if KERAS_3 and isinstance(variable, keras.Variable) else variable


def optimizer_state(optimizer: keras.optimizers.Optimizer) -> dict[str, tf.Variable]:
    """Return Adam's variables under names that both Keras generations share.

    Args:
        optimizer: A built Adam.

    Returns:
        Variables by name: `iterations`, and `m/I` and `v/I` for the I-th trained variable.
    """
    state = {"iterations": raw_variable(optimizer.iterations)}
    for kind, variables in (("m", optimizer._momentums), ("v", optimizer._velocities)):
        state |= {f"{kind}/{i}": raw_variable(v) for i, v in enumerate(variables)}
    return state


def network_state(network: keras.Model) -> dict[str, tf.Variable]:
    """Return a network's variables under names that both Keras generations share.

    Args:
        network: A functional model whose layers are named.

    Returns:
        Variables by name, `LAYER/VARIABLE`, such as `stem_conv/kernel`.
    """
    return {
        f"{layer.name}/{weight.name.split('/')[-1].split(':')[0]}": raw_variable(weight)
        for layer in network.layers
        for weight in layer.weights
    }


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Set the dtype policy of layers built inside a block, then restore the global policy.

    Args:
        policy: `float32`, `mixed_float16` or `mixed_bfloat16`.
    """
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def add_state(
    layer: keras.layers.Layer,
    name: str,
    shape: tuple[int, ...],
    dtype: str,
    start: tf.Tensor | None = None,
) -> Any:
    """Add a non-trainable variable to a layer, to which all replicas assign the same value.

    Args:
        layer: The layer, while it is being built.
        name: Name of the variable.
        shape: Shape of the variable.
        dtype: Dtype of the variable.
        start: Initial value (default: zeros).
    """
    first = "only_first_replica" if KERAS_3 else tf.VariableAggregation.ONLY_FIRST_REPLICA
    return layer.add_weight(
        name=name,
        shape=shape,
        dtype=dtype,
        trainable=False,
        aggregation=first,
        initializer="zeros" if start is None else lambda shape, dtype: tf.cast(start, dtype),
    )
