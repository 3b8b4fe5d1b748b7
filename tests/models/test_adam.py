"""Adam, against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf import compat
from cyclegan_tf.models.adam import adam


def dense(value=0.0):
    """A layer of one weight."""
    layer = keras.layers.Dense(1, use_bias=False, name="dense")
    layer.build((None, 1))
    layer.kernel.assign([[value]])
    return layer


def apply(optimizer, layer, gradient):
    optimizer.apply_gradients([(tf.constant([[gradient]], tf.float32), layer.kernel)])


def test_adam_is_pytorchs():
    optimizer, layer = adam(0.1), dense()
    optimizer.build([layer.kernel])
    m = v = weight = 0.0
    for step, gradient in enumerate((1.0, -0.3, 0.5, 2.0), start=1):
        apply(optimizer, layer, gradient)
        m, v = 0.5 * m + 0.5 * gradient, 0.999 * v + 0.001 * gradient**2
        weight -= 0.1 * (m / (1 - 0.5**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        assert layer.kernel.numpy()[0, 0] == pytest.approx(weight, rel=1e-6)


def test_adams_epsilon_acts_as_pytorchs_does():
    optimizer, layer, gradient = adam(0.1), dense(), 1e-8
    optimizer.build([layer.kernel])
    apply(optimizer, layer, gradient)
    # Before the bias correction, as in Keras, it would make this -0.1 / (1 + 1 / sqrt(0.001)).
    assert layer.kernel.numpy()[0, 0] == pytest.approx(-0.1 / 2, rel=1e-5)


def test_adams_state_is_named_by_what_it_is():
    optimizer, layers = adam(0.1), [dense(), dense()]
    optimizer.build([layer.kernel for layer in layers])
    optimizer.apply_gradients(
        [(tf.fill((1, 1), g), layer.kernel) for g, layer in zip((2.0, 4.0), layers, strict=True)]
    )
    state = compat.optimizer_state(optimizer)
    assert all(isinstance(variable, tf.Variable) for variable in state.values())
    found = {name: float(np.squeeze(variable.numpy())) for name, variable in state.items()}
    rate = 1.0 - float(np.float32(0.999))  # In which 0.001 is off by 1.3e-5 of itself.
    expected = {"iterations": 1, "m/0": 1.0, "v/0": 4.0 * rate, "m/1": 2.0, "v/1": 16.0 * rate}
    assert found == pytest.approx(expected, rel=1e-6)
