"""How far networks look, held against what actually changes when a pixel does."""

import keras
import numpy as np
import pytest

from cyclegan_tf.errors import UserError
from cyclegan_tf.models.generators import generator
from cyclegan_tf.models.receptive_field import receptive_radius

# Without norms, whose means reach over the whole picture.
NETWORKS = {
    "resnet": ("resnet_2", {}),
    "resized": ("resnet_1", {"upsampling": "resize"}),
    "gated": ("gated_resnet_2", {}),
    "unet": ("unet_32", {"eval_mode": True}),
    "encoder_decoder": ("encoder_decoder", {}),
    "segnet": ("segnet", {}),
}


def reach(network, side):
    """How far from the changed pixel the output changes, in the worst direction."""
    rng = np.random.default_rng(0)
    image = rng.uniform(-1, 1, (1, side, side, 3)).astype(np.float32)
    far = 0
    for offset in range(4):
        changed, at = image.copy(), side // 2 + offset
        changed[0, at, at] = -np.sign(changed[0, at, at])
        rows = np.nonzero(np.abs(network(changed) - network(image))[0].max(axis=(1, 2)) > 0)[0]
        far = max(far, np.abs(rows - at).max())
    return far


@pytest.mark.parametrize(("architecture", "options"), NETWORKS.values(), ids=NETWORKS)
def test_nothing_beyond_the_radius_depends_on_a_pixel(architecture, options):
    network = generator(architecture, filters=4, norm="none", init_gain=1.0, **options)
    radius = receptive_radius(network)
    found = reach(network, -(-(2 * radius + 64) // 64) * 64)
    # It is a bound, and not an idle one.
    assert radius / 4 < found <= radius


def test_the_published_resnet_looks_as_far_as_counting_says():
    # 7x7, two halvings, 18 convolutions at a quarter of the size, two doublings, 7x7.
    assert receptive_radius(generator("resnet_9", filters=2)) == 3 + 1 + 2 + 18 * 4 + 4 + 2 + 3


def test_dropout_that_stays_on_is_refused_and_dropout_that_is_off_is_not():
    with pytest.raises(UserError, match="`eval_mode`"):
        receptive_radius(generator("unet_64", filters=2, dropout=True))
    assert receptive_radius(generator("unet_64", filters=2, dropout=True, eval_mode=True)) > 64


def test_layers_that_look_everywhere_are_refused_by_name():
    image = keras.Input((None, None, 3))
    mean = keras.layers.GlobalAveragePooling2D(keepdims=True, name="over_all")(image)
    with pytest.raises(UserError, match="over_all of kind GlobalAveragePooling2D"):
        receptive_radius(keras.Model(image, keras.layers.Add()([image, mean])))
