"""The Adam optimizer with PyTorch's formula."""

from typing import Any

import keras
import tensorflow as tf

from cyclegan_tf.compat import KERAS_3, raw_variable


class Adam(keras.optimizers.Adam):
    """Adam with PyTorch's formula; updates a variable with one fused operation."""

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: Any = None) -> None:
        if KERAS_3:
            index = self._get_variable_index(variable)
        else:
            index = self._index_dict[self._var_key(variable)]
            learning_rate = self.learning_rate
        # Correct the bias for the betas as rounded to float32, which the operation uses, but in
        # float64: in float32, 1 - 0.999 has a relative error of 5e-5.
        betas = (tf.cast(tf.constant(beta), tf.float64) for beta in (self.beta_1, self.beta_2))
        step = tf.cast(raw_variable(self.iterations), tf.float64) + 1.0
        debias_1, debias_2 = (1.0 - tf.pow(beta, step) for beta in betas)
        rate = tf.cast(learning_rate, tf.float64) * tf.sqrt(debias_2) / debias_1
        # Keras adds epsilon before the bias correction, PyTorch after it.
        epsilon = self.epsilon * tf.sqrt(debias_2)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=raw_variable(self._momentums[index]).handle,
            v=raw_variable(self._velocities[index]).handle,
            beta1_power=0.0,  # The learning rate already includes the bias correction.
            beta2_power=0.0,
            lr=tf.cast(rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=tf.cast(epsilon, variable.dtype),
            grad=gradient,
        )


def adam(learning_rate: Any, beta_1: float = 0.5) -> keras.optimizers.Optimizer:
    """Create an Adam optimizer with PyTorch's formula.

    Args:
        learning_rate: A float or a Keras learning rate schedule.
        beta_1: Decay rate of the first moment.

    Returns:
        A Keras optimizer with beta_2 = 0.999 and PyTorch's epsilon of 1e-8.

    Reference:
        Kingma and Ba, https://arxiv.org/abs/1412.6980
    """
    # Keras 3 may call the update in XLA on its own; on Keras 2 the optimizer tries by default.
    extra = {} if KERAS_3 else {"jit_compile": False}
    return Adam(learning_rate, beta_1=beta_1, beta_2=0.999, epsilon=1e-8, **extra)
