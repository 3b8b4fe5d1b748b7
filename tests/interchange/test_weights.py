"""Weights cross between the two codes without losing a bit, and mistakes are named."""

import numpy as np
import pytest

from cyclegan_tf.compat import network_state
from cyclegan_tf.errors import UserError
from cyclegan_tf.interchange.architecture import recognize
from cyclegan_tf.interchange.weights import assign, to_official, without_leftovers
from cyclegan_tf.models.discriminators import discriminator
from cyclegan_tf.models.generators import generator

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra `torch`)")

import pytorch_reference as pt  # noqa: E402 (it needs PyTorch)

NORMS = pytest.mark.parametrize("norm", ["instance", "batch", "none"])
# PyTorch's network, ours and the smallest side of a picture that suits both.
NETWORKS = {
    "resnet": (
        lambda norm: pt.ResnetGenerator(2, 3, 1, 4, norm),
        lambda **style: generator("resnet_2", in_channels=3, out_channels=1, filters=4, **style),
        8,
    ),
    "resnet with dropout": (
        lambda norm: pt.ResnetGenerator(1, 3, 3, 4, norm, dropout=True),
        lambda **style: generator("resnet_1", filters=4, dropout=True, **style),
        8,
    ),
    "unet": (
        lambda norm: pt.UnetGenerator(5, 3, 1, 2, norm),
        lambda **style: generator("unet_32", in_channels=3, out_channels=1, filters=2, **style),
        32,
    ),
    "patch": (
        lambda norm: pt.PatchDiscriminator(2, 3, 4, norm),
        lambda **style: discriminator("patch", 2, filters=4, **style),
        16,
    ),
    "pixel": (
        lambda norm: pt.PixelDiscriminator(3, 4, norm),
        lambda **style: discriminator("pixel", 3, filters=4, **style),
        8,
    ),
}
EVERY = pytest.mark.parametrize("name", NETWORKS)


def randomized(network):
    """Gives biases and running statistics values, too."""
    source = torch.Generator().manual_seed(0)
    for key, value in network.state_dict().items():
        if value.dtype.is_floating_point:
            noise = 0.2 * torch.randn(value.shape, generator=source)
            value.copy_(1.0 + noise.abs() if key.endswith("running_var") else noise)
    return network


def read(network):
    arrays = {key: value.numpy().copy() for key, value in network.state_dict().items()}
    return without_leftovers(arrays)


def converted(network, ours):
    tensors = read(network)
    architecture = recognize({key: value.shape for key, value in tensors.items()}, "file")
    assign(network_state(ours), architecture, tensors, "file")
    return architecture


def outputs(network, ours, side, training):
    images = np.random.default_rng(0).uniform(-1, 1, (1, side, 2 * side, 3)).astype(np.float32)
    network.train(training)
    with torch.no_grad():
        theirs = network(torch.from_numpy(images.transpose(0, 3, 1, 2)))
    return theirs.numpy().transpose(0, 2, 3, 1), ours(images, training=False).numpy()


@NORMS
@EVERY
def test_a_round_trip_keeps_every_bit(name, norm):
    build, build_ours, _ = NETWORKS[name]
    network, ours = randomized(build(norm)), build_ours(norm=norm)
    official = to_official(network_state(ours), converted(network, ours), batches=3)
    fresh = build(norm)
    fresh.load_state_dict({k: torch.from_numpy(v) for k, v in official.items()}, strict=True)
    for key, value in network.state_dict().items():
        if key.endswith("num_batches_tracked"):
            assert fresh.state_dict()[key] == 3
        else:
            assert torch.equal(fresh.state_dict()[key], value)


@NORMS
@EVERY
def test_outputs_agree(name, norm):
    build, build_ours, side = NETWORKS[name]
    judges = name in ("patch", "pixel")
    # Dropout off on both sides; batch norm takes its running averages, but not in our
    # discriminators, which nobody uses outside training.
    style = {"norm": norm} | ({} if judges else {"eval_mode": True})
    network, ours = randomized(build(norm)), build_ours(**style)
    converted(network, ours)
    theirs, own = outputs(network, ours, side, training=judges)
    assert theirs.std() > 1e-3
    np.testing.assert_allclose(own, theirs, atol=1e-4)


@pytest.mark.parametrize("name", ["resnet", "unet"])
def test_outputs_agree_with_a_pictures_own_statistics(name):
    build, build_ours, side = NETWORKS[name]
    network, ours = randomized(build("batch")), build_ours(norm="batch")
    converted(network, ours)
    theirs, own = outputs(network, ours, side, training=True)
    np.testing.assert_allclose(own, theirs, atol=1e-4)


def test_statistics_of_old_instance_norms_are_ignored():
    network = randomized(pt.ResnetGenerator(1, filters=2))
    tensors = {key: value.numpy() for key, value in network.state_dict().items()}
    old = dict(tensors)
    for place in ("model.2", "model.5", "model.10.conv_block.2"):
        old |= {f"{place}.running_mean": np.ones(2), f"{place}.running_var": np.ones(2)}
        old[f"{place}.num_batches_tracked"] = np.array(5)
    assert set(without_leftovers(old)) == set(tensors)


def test_statistics_of_batch_norms_are_kept():
    kept = read(pt.ResnetGenerator(1, filters=2, norm="batch"))
    assert {"model.2.running_mean", "model.2.running_var"} <= set(kept)
    assert not any(key.endswith("num_batches_tracked") for key in kept)


def without(tensors, key):
    return {k: v for k, v in tensors.items() if k != key}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: without(t, "model.4.bias"), "missing: model.4.bias$"),
        (
            lambda t: {k: v for k, v in t.items() if "conv_block" not in k or k.endswith("1.bias")},
            "missing: model.10.conv_block.1.weight, .* and 3 more",
        ),
        (lambda t: t | {"model.99.bias": np.ones(1)}, "unexpected: model.99.bias$"),
        (
            lambda t: t | {"model.4.weight": np.ones((4, 2, 5, 5), np.float32)},
            r"model.4.weight is \(4, 2, 5, 5\), not \(4, 2, 3, 3\)$",
        ),
        (
            lambda t: t | {"model.4.bias": np.full(4, np.nan, np.float32)},
            "w.pth: model.4.bias holds values that are not finite",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_named(change, message):
    tensors = read(pt.ResnetGenerator(2, filters=2))
    architecture = recognize({key: value.shape for key, value in tensors.items()}, "w.pth")
    state = network_state(generator("resnet_2", filters=2))
    with pytest.raises(UserError, match=message):
        assign(state, architecture, change(tensors), "w.pth")


def test_what_only_ours_has_is_not_written():
    ours = generator("resnet_1", filters=2, dropout=True)
    assert any(name.endswith("/count") for name in network_state(ours))
    network = pt.ResnetGenerator(1, filters=2, dropout=True)
    architecture = converted(network, ours)
    written = to_official(network_state(ours), architecture, batches=0)
    assert list(written) == list(network.state_dict())
