"""What has to be the same on both Keras generations, against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf import compat
from cyclegan_tf.models.adam import adam
from cyclegan_tf.models.generators import resnet_generator


def dense(value=0.0):
    """A layer of one weight."""
    layer = keras.layers.Dense(1, use_bias=False, name="dense")
    layer.build((None, 1))
    layer.kernel.assign([[value]])
    return layer


def test_precision_holds_for_the_layers_of_a_block():
    for policy, computed in (
        ("mixed_float16", "float16"),
        ("mixed_bfloat16", "bfloat16"),
        ("float32", "float32"),
    ):
        with compat.precision(policy):
            layer = dense()
        assert (layer.compute_dtype, layer.kernel.dtype) == (computed, "float32")
        assert keras.mixed_precision.global_policy().name == "float32"


def test_precision_is_restored_after_an_error():
    with pytest.raises(ValueError, match="no matter"), compat.precision("mixed_float16"):
        raise ValueError("no matter")
    assert keras.mixed_precision.global_policy().name == "float32"


def test_a_networks_state_has_every_weight_under_its_layers_name():
    network = resnet_generator(1, filters=2)
    state = compat.network_state(network)
    assert len(state) == len(network.weights)
    assert all(isinstance(variable, tf.Variable) for variable in state.values())
    layers = ["stem", "down_1", "down_2", "block_1_1", "block_1_2", "up_1", "up_2", "head"]
    expected = {f"{layer}_conv/{kind}" for layer in layers for kind in ("kernel", "bias")}
    assert set(state) == expected
    # They are the network's own variables, not copies.
    state["head_conv/bias"].assign([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(network.get_layer("head_conv").bias, [1.0, 2.0, 3.0])


def test_compiling_without_a_loss_adds_no_optimizer():
    class Model(keras.Model):
        pass

    model, optimizer = Model(), adam(0.1)
    compat.compile_without_loss(model, optimizer)
    assert model.optimizer is (None if compat.KERAS_3 else optimizer)
