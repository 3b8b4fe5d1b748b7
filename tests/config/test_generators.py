"""Generator names, and what the families can do."""

import pytest

from cyclegan_tf.config.generators import FAMILIES, GeneratorSpec
from cyclegan_tf.errors import UserError


@pytest.mark.parametrize(
    ("name", "family", "number", "multiple"),
    [
        ("resnet_9", "resnet", 9, 4),
        ("gated_resnet_2", "gated_resnet", 2, 4),
        ("unet_256", "unet", 256, 256),
        ("encoder_decoder", "encoder_decoder", 0, 16),
        ("segnet", "segnet", 0, 16),
    ],
)
def test_names_are_taken_apart(name, family, number, multiple):
    spec = GeneratorSpec.parse(name)
    assert (spec.family, spec.number, spec.multiple) == (family, number, multiple)
    assert spec.traits is FAMILIES[family]


@pytest.mark.parametrize(
    "name", ["", "resnet", "resnet_", "resnet_0", "resnet_65", "unet_100", "segnet_3", "magic_2"]
)
def test_unknown_names_list_those_there_are(name):
    with pytest.raises(UserError, match=f"`generator={name}`: .* resnet_N .* 64.*, segnet$"):
        GeneratorSpec.parse(name)
