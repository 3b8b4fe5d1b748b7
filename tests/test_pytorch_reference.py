"""The PyTorch reference itself: the published sizes, names and order of updates."""

from math import log

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra `torch`)")

import pytorch_reference as pt  # noqa: E402 (it needs PyTorch)


def shapes(network):
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def pictures(seed=0, channels=3, batch=2, side=16):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((batch, channels, side, side), generator=generator) * 2.0 - 1.0


def tiny_cyclegan(**options):
    torch.manual_seed(0)
    networks = [pt.ResnetGenerator(1, filters=2) for _ in range(2)]
    networks += [pt.PatchDiscriminator(1, filters=2) for _ in range(2)]
    return pt.CycleGAN(*networks, **options)


def tiny_pix2pix(**options):
    torch.manual_seed(0)
    discriminator = pt.PatchDiscriminator(1, channels=4, filters=2)
    return pt.Pix2Pix(pt.UnetGenerator(3, 3, 1, filters=2), discriminator, **options)


def copied(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


@pytest.mark.parametrize(
    ("build", "parameters"),
    [
        (lambda: pt.ResnetGenerator(9), 11_378_179),
        (lambda: pt.ResnetGenerator(6), 7_837_699),
        (lambda: pt.ResnetGenerator(9, norm="batch"), 11_383_427),
        (lambda: pt.UnetGenerator(8, norm="instance"), 54_409_603),
        (lambda: pt.UnetGenerator(8, norm="batch"), 54_413_955),
        (lambda: pt.UnetGenerator(7, norm="instance"), 41_825_667),
        (lambda: pt.UnetGenerator(7, norm="batch"), 41_828_995),
        (lambda: pt.PatchDiscriminator(), 2_764_737),
    ],
)
def test_parameter_counts_are_the_published_ones(build, parameters):
    with torch.device("meta"):  # Shapes are enough.
        network = build()
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@pytest.mark.parametrize(("layers", "side"), [(1, 126), (2, 62), (3, 30), (4, 14), (5, 6)])
def test_sizes_of_patch_scores_at_256_pixels(layers, side):
    scores = pt.PatchDiscriminator(layers, filters=1)(torch.zeros(1, 3, 256, 256))
    assert scores.shape == (1, 1, side, side)


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
@pytest.mark.parametrize(
    "build",
    [
        lambda norm: pt.ResnetGenerator(1, 3, 1, filters=2, norm=norm, dropout=True),
        lambda norm: pt.UnetGenerator(5, 3, 1, filters=2, norm=norm, dropout=True),
        lambda norm: pt.PixelDiscriminator(3, filters=2, norm=norm),
    ],
)
def test_sizes_are_kept(build, norm):
    network = build(norm)
    output = network(pictures(side=32))
    assert output.shape == (2, 1, 32, 32)
    output.mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_names_of_a_resnet():
    names = shapes(pt.ResnetGenerator(2, 3, 1, filters=2))
    assert names == {
        "model.1.weight": (2, 3, 7, 7),
        "model.1.bias": (2,),
        "model.4.weight": (4, 2, 3, 3),
        "model.4.bias": (4,),
        "model.7.weight": (8, 4, 3, 3),
        "model.7.bias": (8,),
        "model.10.conv_block.1.weight": (8, 8, 3, 3),
        "model.10.conv_block.1.bias": (8,),
        "model.10.conv_block.5.weight": (8, 8, 3, 3),
        "model.10.conv_block.5.bias": (8,),
        "model.11.conv_block.1.weight": (8, 8, 3, 3),
        "model.11.conv_block.1.bias": (8,),
        "model.11.conv_block.5.weight": (8, 8, 3, 3),
        "model.11.conv_block.5.bias": (8,),
        "model.12.weight": (8, 4, 3, 3),
        "model.12.bias": (4,),
        "model.15.weight": (4, 2, 3, 3),
        "model.15.bias": (2,),
        "model.19.weight": (1, 2, 7, 7),
        "model.19.bias": (1,),
    }


def test_dropout_and_batch_norm_in_the_names_of_a_resnet():
    names = shapes(pt.ResnetGenerator(9, filters=1, norm="batch", dropout=True))
    assert {"model.10.conv_block.6.weight", "model.18.conv_block.7.running_var"} <= set(names)
    assert not any(".conv_block.5." in name for name in names)
    biases = {name.removesuffix(".bias") for name in names if name.endswith("bias")}
    norms = {name.removesuffix(".running_mean") for name in names if name.endswith("mean")}
    assert biases - norms == {"model.26"}


def test_names_of_a_unet():
    names = shapes(pt.UnetGenerator(5, 3, 1, filters=2, norm="batch", dropout=True))
    inner = "model.model" + ".1.model" + 3 * ".3.model"
    convolutions = {name: shape for name, shape in names.items() if len(shape) == 4}
    assert convolutions == {
        "model.model.0.weight": (2, 3, 4, 4),
        "model.model.1.model.1.weight": (4, 2, 4, 4),
        "model.model.1.model.3.model.1.weight": (8, 4, 4, 4),
        "model.model.1.model.3.model.3.model.1.weight": (16, 8, 4, 4),
        f"{inner}.1.weight": (16, 16, 4, 4),
        f"{inner}.3.weight": (16, 16, 4, 4),
        "model.model.1.model.3.model.3.model.5.weight": (32, 8, 4, 4),
        "model.model.1.model.3.model.5.weight": (16, 4, 4, 4),
        "model.model.1.model.5.weight": (8, 2, 4, 4),
        "model.model.3.weight": (4, 1, 4, 4),
    }
    biases = {name.removesuffix(".bias") for name in names if name.endswith(".bias")}
    norms = {name.removesuffix(".running_var") for name in names if name.endswith("running_var")}
    assert biases - norms == {"model.model.3"}
    assert norms == {
        *("model.model.1.model.2", "model.model.1.model.6"),
        *("model.model.1.model.3.model.2", "model.model.1.model.3.model.6"),
        *("model.model.1.model.3.model.3.model.2", "model.model.1.model.3.model.3.model.6"),
        f"{inner}.4",
    }


@pytest.mark.parametrize(("levels", "count"), [(8, 3), (7, 2), (5, 0)])
def test_only_the_middle_of_a_unet_drops_out(levels, count):
    network = pt.UnetGenerator(levels, filters=1, dropout=True)
    drops = [name for name, part in network.named_modules() if isinstance(part, torch.nn.Dropout)]
    assert len(drops) == count
    assert all(name.endswith(".7") for name in drops)


def test_names_of_discriminators():
    instance = {"model.0", "model.2", "model.5", "model.8", "model.11"}
    names = shapes(pt.PatchDiscriminator(filters=1))
    assert set(names) == {f"{layer}.{kind}" for layer in instance for kind in ("weight", "bias")}
    batch = set(shapes(pt.PatchDiscriminator(filters=1, norm="batch")))
    assert "model.3.running_mean" in batch and "model.2.bias" not in batch
    assert set(shapes(pt.PixelDiscriminator())) == {
        f"net.{layer}.{kind}" for layer in (0, 2, 5) for kind in ("weight", "bias")
    }
    assert "net.5.bias" not in shapes(pt.PixelDiscriminator(norm="batch"))


def test_weights_start_as_published():
    for name, value in pt.PatchDiscriminator(2, filters=32, norm="batch").named_parameters():
        scale = value.ndim == 1 and name.endswith("weight")
        if name.endswith("bias"):
            assert not value.any()
        else:
            error = 10 * 0.02 / (2 * value.numel()) ** 0.5
            assert value.std().item() == pytest.approx(0.02, abs=error)
            assert value.mean().item() == pytest.approx(float(scale), abs=2 * error)


@pytest.mark.parametrize(
    ("mode", "real", "fake", "generator"),
    [
        ("lsgan", (1 + 4) / 2, (0 + 9) / 2, (1 + 4) / 2),
        ("vanilla", (log(2) + log(4 / 3)) / 2, (log(2) + log(4)) / 2, (log(2) + log(4 / 3)) / 2),
        ("wgangp", -1.5, 1.5, -1.5),
        ("hinge", (1 + 0) / 2, (1 + 4) / 2, -1.5),
    ],
)
def test_losses_of_known_scores(mode, real, fake, generator):
    # A score of log(3) says that a picture is real with probability 3/4.
    scores = torch.tensor([[0.0, log(3) if mode == "vanilla" else 3.0]])
    assert pt.gan_loss(scores, True, mode).item() == pytest.approx(real)
    assert pt.gan_loss(scores, False, mode).item() == pytest.approx(fake)
    assert pt.gan_loss(scores, True, mode, True).item() == pytest.approx(generator)


def test_the_penalty_of_known_gradients():
    weight = torch.full((1, 2, 2, 2), 0.5)
    real, fake = pictures(channels=2, side=2), pictures(1, channels=2, side=2)

    def linear(x):  # Of gradient `weight`, whose length is sqrt(8) / 2.
        return (weight * x).sum((1, 2, 3))

    penalty = pt.gradient_penalty(linear, real, fake, torch.rand(2))
    assert penalty.item() == pytest.approx((2**0.5 - 1.0) ** 2)

    def quadratic(x):  # Of gradient x, so that the place of each picture shows.
        return x.square().sum((1, 2, 3)) / 2

    lengths = real[0].norm(), fake[1].norm()
    penalty = pt.gradient_penalty(quadratic, real, fake, torch.tensor([1.0, 0.0]))
    expected = sum((length.item() - 1.0) ** 2 for length in lengths) / 2
    assert penalty.item() == pytest.approx(expected)


def test_a_pool_stores_and_returns():
    images = torch.arange(100.0).reshape(100, 1, 1, 1)
    assert pt.ImagePool(0).query(images).equal(images)
    pool = pt.ImagePool(10)
    returned = pool.query(images)
    assert returned[:10].equal(images[:10])
    old = (returned != images)[10:].sum().item()
    assert 25 < old < 65  # Half of 90, give or take four deviations.
    # Once it is full nothing is lost or made twice: every picture came out or is still in it.
    there = torch.cat([returned[10:], torch.stack(pool.images)])
    assert there.flatten().sort().values.equal(images.flatten())


@pytest.mark.parametrize("mode", ["lsgan", "vanilla", "wgangp", "hinge"])
def test_a_step_of_cyclegan(mode):
    model = tiny_cyclegan(gan_mode=mode)
    before = copied(model)
    losses = model.step(pictures(0), pictures(1))
    terms = [f"adversarial_loss_{way}" for way in ("ab", "ba")]
    terms += [f"{kind}_loss_{domain}" for kind in ("cycle", "identity") for domain in "ab"]
    judged = ["discriminator_loss_a", "discriminator_loss_b"]
    assert list(losses) == [*terms, "generator_loss", *judged]
    assert losses["generator_loss"] == pytest.approx(sum(losses[term] for term in terms))
    assert all(isinstance(loss, float) for loss in losses.values())
    kernels = [name for name in before if name.endswith("weight")]
    assert not any(model.state_dict()[name].equal(before[name]) for name in kernels)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_weights_of_cyclegans_terms():
    model = tiny_cyclegan(lambda_a=7.0, lambda_b=3.0, lambda_identity=0.25)
    a, b = pictures(0), pictures(1)
    losses, fake_a, fake_b = model.generator_losses(a, b)
    ab, ba = model.generator_ab, model.generator_ba

    def apart(x, y):
        return (x - y).abs().mean().item()

    assert fake_a.equal(ba(b)) and fake_b.equal(ab(a))
    expected = {
        "adversarial_loss_ab": (model.discriminator_b(fake_b) - 1.0).square().mean().item(),
        "adversarial_loss_ba": (model.discriminator_a(fake_a) - 1.0).square().mean().item(),
        "cycle_loss_a": 7.0 * apart(ba(fake_b), a),
        "cycle_loss_b": 3.0 * apart(ab(fake_a), b),
        "identity_loss_a": 7.0 * 0.25 * apart(ba(a), a),
        "identity_loss_b": 3.0 * 0.25 * apart(ab(b), b),
    }
    expected["generator_loss"] = sum(expected.values())
    assert {k: v.item() for k, v in losses.items()} == pytest.approx(expected)
    alone, _, _ = tiny_cyclegan(lambda_identity=0.0).generator_losses(a, b)
    assert len(alone) == 5


def test_cyclegans_discriminators_see_the_fakes_from_before_the_update():
    a, b = pictures(0), pictures(1)
    model = tiny_cyclegan(pool_size=0, learning_rate=0.1)
    fake_a, fake_b = model.generator_ba(b), model.generator_ab(a)
    expected = {k: v.item() for k, v in model.discriminator_losses(a, b, fake_a, fake_b).items()}
    losses = model.step(a, b)
    assert {name: losses[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize("mode", ["vanilla", "wgangp"])
def test_a_step_of_pix2pix_updates_the_discriminator_first(mode):
    model = tiny_pix2pix(gan_mode=mode, learning_rate=0.01)
    a, b = pictures(0), pictures(1, channels=1)
    before, fake_b = copied(model), model.generator(a)
    with torch.no_grad():
        untrained = model.generator_losses(a, b, fake_b)
    losses = model.step(a, b)
    assert list(losses) == ["adversarial_loss", "l1_loss", "generator_loss", "discriminator_loss"]
    assert losses["l1_loss"] == pytest.approx(untrained["l1_loss"].item())
    # The discriminator has not changed since, so it gives the loss that the generator met.
    met = model.generator_losses(a, b, fake_b)["adversarial_loss"].item()
    assert losses["adversarial_loss"] == pytest.approx(met)
    assert met != pytest.approx(untrained["adversarial_loss"].item())
    kernels = [name for name in before if name.endswith("weight")]
    assert not any(model.state_dict()[name].equal(before[name]) for name in kernels)
