"""Networks whose norms are told their statistics do what they did with their own."""

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.models import hardware
from cyclegan_tf.models.generators import generator
from cyclegan_tf.models.statistics import with_given_statistics


def random_weights(network, seed=0):
    rng = np.random.default_rng(seed)
    network.set_weights(
        [w + rng.normal(0, 0.1, w.shape).astype(w.dtype) for w in network.get_weights()]
    )
    return network


# With AVX-512, the norm is written in another way, which is rounded differently.
@pytest.mark.parametrize(("wide", "bound"), [(False, 2e-6), (True, 2e-5)], ids=["other", "AVX-512"])
@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize("architecture", ["resnet_1", "gated_resnet_1", "segnet"])
def test_with_a_pictures_own_statistics_nothing_changes(
    architecture, norm, wide, bound, monkeypatch
):
    monkeypatch.setattr(hardware, "has_avx512_only", lambda: wide)
    network = random_weights(generator(architecture, filters=3, norm=norm))
    copy, norms = with_given_statistics(network)
    rng = np.random.default_rng(1)
    image = tf.constant(rng.uniform(-1, 1, (1, 32, 48, 3)), tf.float32)
    assert norms
    for index in range(len(norms)):
        for norm_layer in norms[index:]:
            norm_layer.given = None
        copy(image, training=False)
        norms[index].given = tuple(tf.nn.moments(norms[index].met[0], [0, 1]))
    np.testing.assert_allclose(copy(image), network(image, training=False), atol=bound)


def test_norms_with_running_averages_stay():
    network = random_weights(generator("resnet_1", filters=3, norm="batch", eval_mode=True))
    copy, norms = with_given_statistics(network)
    assert norms == []
    image = np.random.default_rng(1).uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32)
    np.testing.assert_array_equal(copy(image), network(image))


def test_the_network_itself_is_left_alone():
    network = random_weights(generator("resnet_1", filters=3))
    image = np.random.default_rng(1).uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32)
    before = network(image)
    copy, norms = with_given_statistics(network)
    copy.set_weights([weights * 0 for weights in copy.get_weights()])
    np.testing.assert_array_equal(network(image), before)
    assert not set(map(id, norms)) & set(map(id, network.layers))
