"""Networks recognized by the keys and shapes of the authors' checkpoints."""

import pytest

from cyclegan_tf.errors import UserError
from cyclegan_tf.interchange.architecture import Discriminator, Generator, recognize
from cyclegan_tf.interchange.weights import without_leftovers

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra `torch`)")

import pytorch_reference as pt  # noqa: E402 (it needs PyTorch)


def shapes(network):
    return {
        key: tuple(value.shape) for key, value in without_leftovers(network.state_dict()).items()
    }


def _named(value):
    """Functions have no name of their own: pytest then numbers them."""
    return str(value) if isinstance(value, Generator | Discriminator) else None


NORMS = ("instance", "batch", "none")
OFFICIAL = [
    (
        lambda: pt.ResnetGenerator(9),
        Generator("resnet_9", 3, 3, 64, "instance", False),
        "--netG=resnet_9blocks --ngf=64 --norm=instance --input_nc=3 --output_nc=3 --no_dropout",
    ),
    (
        lambda: pt.ResnetGenerator(6, 3, 1, 32, "batch", dropout=True),
        Generator("resnet_6", 3, 1, 32, "batch", True),
        "--netG=resnet_6blocks --ngf=32 --norm=batch --input_nc=3 --output_nc=1",
    ),
    (
        lambda: pt.UnetGenerator(8, 1, 3, norm="batch", dropout=True),
        Generator("unet_256", 1, 3, 64, "batch", None),
        "--netG=unet_256 --ngf=64 --norm=batch --input_nc=1 --output_nc=3 --no_dropout",
    ),
    (
        lambda: pt.PatchDiscriminator(3, 6, norm="batch"),
        Discriminator("patch", 3, 6, 64, "batch"),
        "--netD=n_layers --n_layers_D=3 --ndf=64",
    ),
    (
        lambda: pt.PixelDiscriminator(1, 8),
        Discriminator("pixel", 0, 1, 8, "instance"),
        "--netD=pixel --ndf=8",
    ),
]
OTHERS = [
    *(
        (
            lambda n=norm, d=dropout: pt.ResnetGenerator(2, 1, 3, 4, n, d),
            Generator("resnet_2", 1, 3, 4, norm, dropout),
        )
        for norm in NORMS
        for dropout in (False, True)
    ),
    *(
        (
            lambda n=norm, m=levels: pt.UnetGenerator(m, 3, 1, 2, n),
            Generator(f"unet_{2**levels}", 3, 1, 2, norm, None),
        )
        for norm in NORMS
        for levels in (5, 7)
    ),
    *(
        (
            lambda n=norm, m=layers: pt.PatchDiscriminator(m, 3, 2, n),
            Discriminator("patch", layers, 3, 2, norm),
        )
        for norm in NORMS
        for layers in (1, 5)
    ),
    *(
        (lambda n=norm: pt.PixelDiscriminator(3, 2, n), Discriminator("pixel", 0, 3, 2, norm))
        for norm in NORMS
    ),
]


@pytest.mark.parametrize(
    ("build", "architecture"), [case[:2] for case in OFFICIAL] + OTHERS, ids=_named
)
def test_every_network_is_recognized(build, architecture):
    with torch.device("meta"):  # Shapes are enough.
        network = build()
    assert recognize(shapes(network), "file") == architecture


@pytest.mark.parametrize(("architecture", "options"), [case[1:] for case in OFFICIAL], ids=str)
def test_the_authors_options_are_named(architecture, options):
    assert " ".join(architecture.options) == options


@pytest.mark.parametrize(
    ("build", "architecture"), [case[:2] for case in OFFICIAL] + OTHERS, ids=_named
)
def test_every_convolution_has_its_place(build, architecture):
    with torch.device("meta"):
        network = build()
    kernels = {key for key, shape in shapes(network).items() if len(shape) == 4}
    places = architecture.places.values()
    assert sorted(kernels) == sorted(f"{place}.weight" for place in places)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"features.0.weight": (64, 3, 3, 3)},
            "w.pth is not a network of the PyTorch .* features.0",
        ),
        ({"model.1.weight": (4, 3, 7, 7)}, "no convolution model.17.weight"),
        ({"model.1.weight": (4,)}, "no convolution model.1.weight"),
        ({"model.model.0.weight": (4, 3, 4, 4)}, "no convolution model.model.3.weight"),
    ],
)
def test_other_networks_are_refused(keys, message):
    with pytest.raises(UserError, match=message):
        recognize(keys, "w.pth")
