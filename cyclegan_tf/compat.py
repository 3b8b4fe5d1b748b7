"""The only file that knows there are two Keras generations.

TensorFlow 2.20 and later bring Keras 3; TensorFlow 2.15 brings Keras 2, the last one that
tensorflow-addons can be imported beside.
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
        # TensorFlow Addons announces at import that its development has ended.
        warnings.simplefilter("ignore")
        import tensorflow_addons as tfa
    # In float16 its variance overflows, where Keras 3 computes in float32 by itself.
    return tfa.layers.InstanceNormalization, {"dtype": "float32"}


# The stack's own layer, and the arguments that make it instance norm; the two agree bit for bit.
InstanceNormalization, INSTANCE_NORMALIZATION_ARGUMENTS = _instance_normalization()


def compile_without_loss(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
    """Marks a model with its own `train_step` as compiled.

    Keras' default optimizer would be built and checkpointed though never used; Keras 3 takes
    `None` for "no optimizer", Keras 2 raises on it and is given one that the model has anyway.
    """
    if KERAS_3:
        # XLA only where it was asked for; "auto" would take it on a GPU.
        keras.Model.compile(model, optimizer=None, jit_compile=False)
    else:
        keras.Model.compile(model, optimizer=optimizer)
        # Every replica returns the global means; by default, `fit` would add them up.
        model.distribute_reduction_method = "first"
    # It has no single input to be built from: its networks are built when they are made.
    model.built = True


def raw_variable(variable: Any) -> tf.Variable:
    """Returns the `tf.Variable` beneath a Keras variable (Keras 2 variables are such already)."""
    return variable.value if KERAS_3 and isinstance(variable, keras.Variable) else variable


def optimizer_state(optimizer: keras.optimizers.Optimizer) -> dict[str, tf.Variable]:
    """Returns Adam's variables under names that both Keras generations share.

    Args:
        optimizer: A built Adam.

    Returns:
        `iterations`, and `m/I`, `v/I` for the I-th trained variable.
    """
    state = {"iterations": raw_variable(optimizer.iterations)}
    for kind, variables in (("m", optimizer._momentums), ("v", optimizer._velocities)):
        state |= {f"{kind}/{i}": raw_variable(v) for i, v in enumerate(variables)}
    return state


def network_state(network: keras.Model) -> dict[str, tf.Variable]:
    """Returns a network's variables under names that both Keras generations share.

    Args:
        network: A functional model whose layers are named.

    Returns:
        `LAYER/VARIABLE`, such as `stem_conv/kernel`.
    """
    return {
        f"{layer.name}/{weight.name.split('/')[-1].split(':')[0]}": raw_variable(weight)
        for layer in network.layers
        for weight in layer.weights
    }


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Sets the arithmetic of layers built inside a block; the global policy is restored after it.

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
    """Gives a layer a variable that is not trained and that every replica sets to the same.

    Args:
        layer: The layer that is being built.
        name: Of the variable.
        shape: Of the variable.
        dtype: Of the variable.
        start: Its first value; zeros if not given.
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
