"""The only file that knows there are two Keras generations.

TensorFlow 2.20 and later bring Keras 3; TensorFlow 2.15 brings Keras 2, the last one that
tensorflow-addons can be imported beside.
"""

import warnings
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


class Adam(keras.optimizers.Adam):
    """Adam as PyTorch has it, which updates a variable in one operation instead of a dozen."""

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: Any = None) -> None:
        if KERAS_3:
            index = self._get_variable_index(variable)
        else:
            index = self._index_dict[self._var_key(variable)]
            learning_rate = self.learning_rate
        # The operation's betas are float32; corrected for those, and not in float32, in which
        # 1 - 0.999 would be wrong by 5e-5 of itself.
        betas = (tf.cast(tf.constant(beta), tf.float64) for beta in (self.beta_1, self.beta_2))
        step = tf.cast(raw_variable(self.iterations), tf.float64) + 1.0
        debias_1, debias_2 = (1.0 - tf.pow(beta, step) for beta in betas)
        rate = tf.cast(learning_rate, tf.float64) * tf.sqrt(debias_2) / debias_1
        # Keras' epsilon acts before the bias correction, PyTorch's after it.
        epsilon = self.epsilon * tf.sqrt(debias_2)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=raw_variable(self._momentums[index]).handle,
            v=raw_variable(self._velocities[index]).handle,
            beta1_power=0.0,  # The rate is corrected already.
            beta2_power=0.0,
            lr=tf.cast(rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=tf.cast(epsilon, variable.dtype),
            grad=gradient,
        )


def adam(learning_rate: Any, beta_1: float = 0.5) -> keras.optimizers.Optimizer:
    """Returns Adam as PyTorch has it.

    Args:
        learning_rate: A number, or a Keras learning rate schedule.
        beta_1: Decay of the first moment.

    Returns:
        A Keras optimizer with beta_2 = 0.999 and PyTorch's epsilon of 1e-8.

    Reference:
        Kingma and Ba, https://arxiv.org/abs/1412.6980
    """
    # Keras 3 may call the update in XLA on its own; on Keras 2 the optimizer tries by default.
    extra = {} if KERAS_3 else {"jit_compile": False}
    return Adam(learning_rate, beta_1=beta_1, beta_2=0.999, epsilon=1e-8, **extra)


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


def set_precision(policy: str) -> None:
    """Sets the arithmetic of layers built from now on: float32, mixed_float16 or mixed_bfloat16."""
    keras.mixed_precision.set_global_policy(policy)


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
