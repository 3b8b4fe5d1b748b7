"""Neural style's options: the published defaults, what texts stand for, and what is refused."""

import pytest

from cyclegan_tf.errors import UserError
from cyclegan_tf.neural_style.options import BackboneOptions, StyleOptions


def test_the_defaults_are_those_of_jcjohnson():
    options = StyleOptions().validate()
    assert (options.content_weight, options.style_weight, options.tv_weight) == (5.0, 100.0, 1e-3)
    assert (options.optimizer, options.iterations, options.scales) == ("lbfgs", 1000, 1)
    assert options.content_weights == {"relu4_2": 1.0}
    assert options.style_weights == dict.fromkeys((f"relu{i}_1" for i in range(1, 6)), 1.0)
    assert options.shares == []
    assert BackboneOptions().validate().backbone == "vgg19"


def test_texts_stand_for_weights_and_shares():
    options = StyleOptions(style_layers="relu1_1:0.5,relu2_1", style_blend="1,2.5")
    assert options.style_weights == {"relu1_1": 0.5, "relu2_1": 1.0}
    assert options.shares == [1.0, 2.5]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"iterations": 1, "scales": 2}, "`iterations=1`: expected at least 2, one for each"),
        ({"scales": 0}, "`scales=0`: expected at least 1"),
        ({"average": 1.0}, "`average=1.0`: expected at most"),
        ({"style_scale": 0.0}, "`style_scale=0.0`: expected more than 0"),
        ({"image_size": 0}, "`image_size=0`: expected at least 1"),
        ({"content_weight": -1.0}, "`content_weight=-1.0`: expected at least 0"),
        ({"optimizer": "sgd"}, "`optimizer=sgd`: expected one of lbfgs, adam"),
        ({"content_layers": "relu1_1:x"}, r"`content_layers=relu1_1:x`: expected NAME\[:WEIGHT"),
        ({"style_blend": "1;2"}, r"`style_blend=1;2`: expected NUMBER\[,NUMBER"),
    ],
    ids=str,
)
def test_what_is_out_of_bounds_is_named(values, message):
    with pytest.raises(UserError, match=message):
        StyleOptions(**values).validate()


def test_an_unknown_backbone_is_named():
    with pytest.raises(UserError, match="`backbone=resnet`: expected one of vgg16, vgg19"):
        BackboneOptions(backbone="resnet").validate()
