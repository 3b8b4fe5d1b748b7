"""CycleGAN and pix2pix in PyTorch, as published: what ours is compared with, and timed beside.

Parity tests give both sides the same weights, so the names in every `state_dict` are those of
the authors' checkpoints. Only tests and benchmarks need this file, and PyTorch. Pictures are
float32 `(batch, channels, height, width)` in [-1, 1], of sides that suit the network: multiples
of 4 for a ResNet, of 2 ** levels for a U-Net.

References:
    CycleGAN: Zhu et al., https://arxiv.org/abs/1703.10593
    pix2pix: Isola et al., https://arxiv.org/abs/1611.07004
    The ResNet generator: Johnson et al., https://arxiv.org/abs/1603.08155
    The U-Net: Ronneberger et al., https://arxiv.org/abs/1505.04597
    The image pool: Shrivastava et al., https://arxiv.org/abs/1612.07828
    Losses: Mao et al. (lsgan), https://arxiv.org/abs/1611.04076, Goodfellow et al. (vanilla),
        https://arxiv.org/abs/1406.2661, Gulrajani et al. (wgangp),
        https://arxiv.org/abs/1704.00028, Lim & Ye (hinge), https://arxiv.org/abs/1705.02894
"""

import random

import torch
from torch import nn
from torch.nn import functional as F


def normalization(norm, channels):
    if norm == "instance":
        return nn.InstanceNorm2d(channels, eps=1e-5, affine=False, track_running_stats=False)
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "none":
        return nn.Identity()  # Keeps the places, and so the names, of what follows.
    raise ValueError(f"`norm` should be instance, batch or none. Received: {norm}")


def has_bias(norm):
    """Whether a convolution before a norm has a bias: the published rule, for `none` too."""
    return norm == "instance"


def initialize(layer):
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
    if getattr(layer, "bias", None) is not None:
        nn.init.zeros_(layer.bias)


class Network(nn.Module):
    """What all but one have in common: their layers are called `model`."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.apply(initialize)

    def forward(self, image):
        return self.model(image)


class ResnetBlock(nn.Module):
    """Adds to its input what two convolutions make of it; no activation after the addition."""

    def __init__(self, channels, norm, dropout):
        super().__init__()

        def convolution():
            kernel = nn.Conv2d(channels, channels, 3, bias=has_bias(norm))
            return [nn.ReflectionPad2d(1), kernel, normalization(norm, channels)]

        middle = [nn.ReLU(True), nn.Dropout(0.5)] if dropout else [nn.ReLU(True)]
        self.conv_block = nn.Sequential(*convolution(), *middle, *convolution())

    def forward(self, x):
        return x + self.conv_block(x)


class ResnetGenerator(Network):
    """c7s1-64, d128, d256, R256 x blocks, u128, u64, c7s1-3, in the paper's notation."""

    def __init__(
        self, blocks, in_channels=3, out_channels=3, filters=64, norm="instance", dropout=False
    ):
        bias = has_bias(norm)

        def activated(kernel):
            return [kernel, normalization(norm, kernel.out_channels), nn.ReLU(True)]

        def down(width):
            return activated(nn.Conv2d(width, 2 * width, 3, 2, 1, bias=bias))

        def up(width):
            kernel = nn.ConvTranspose2d(width, width // 2, 3, 2, 1, output_padding=1, bias=bias)
            return activated(kernel)

        layers = [nn.ReflectionPad2d(3), *activated(nn.Conv2d(in_channels, filters, 7, bias=bias))]
        layers += [*down(filters), *down(2 * filters)]
        layers += [ResnetBlock(4 * filters, norm, dropout) for _ in range(blocks)]
        layers += [*up(4 * filters), *up(2 * filters)]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(filters, out_channels, 7), nn.Tanh()]
        super().__init__(nn.Sequential(*layers))


class UnetLevel(nn.Module):
    """A halving, the levels inside it and a doubling, joined to the input unless outermost.

    The activation that begins a level works in place, so what is joined is the activated input.
    The ReLU that follows every join takes the difference away.
    """

    def __init__(self, *layers, joins=True):
        super().__init__()
        self.model = nn.Sequential(*layers)
        self.joins = joins

    def forward(self, x):
        y = self.model(x)
        return torch.cat([x, y], dim=1) if self.joins else y


class UnetGenerator(Network):
    """A U-Net of nested levels: 8 of them for 256 px, 7 for 128 px."""

    def __init__(
        self, levels, in_channels=3, out_channels=3, filters=64, norm="batch", dropout=False
    ):
        bias = has_bias(norm)
        widths = [filters * min(2**level, 8) for level in range(levels)]

        def down(outer, inner):
            return [nn.LeakyReLU(0.2, True), nn.Conv2d(outer, inner, 4, 2, 1, bias=bias)]

        def up(inner, outer):
            kernel = nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=bias)
            return [nn.ReLU(True), kernel, normalization(norm, outer)]

        # No norm at the innermost size: of a single pixel, instance norm would leave nothing.
        outer, inner = widths[-2:]
        inside = UnetLevel(*down(outer, inner), *up(inner, outer))
        for level in range(levels - 2, 0, -1):
            outer, inner = widths[level - 1], widths[level]
            before = [*down(outer, inner), normalization(norm, inner)]
            # Equal widths are the middle of the network.
            after = up(2 * inner, outer) + [nn.Dropout(0.5)] * (dropout and outer == inner)
            inside = UnetLevel(*before, inside, *after)
        first = nn.Conv2d(in_channels, filters, 4, 2, 1, bias=bias)
        last = nn.ConvTranspose2d(2 * filters, out_channels, 4, 2, 1)
        super().__init__(UnetLevel(first, inside, nn.ReLU(True), last, nn.Tanh(), joins=False))


class PatchDiscriminator(Network):
    """PatchGAN, which gives a raw score for every patch: 3 layers see patches of 70 px."""

    def __init__(self, layers=3, channels=3, filters=64, norm="instance"):
        body = [nn.Conv2d(channels, filters, 4, 2, 1), nn.LeakyReLU(0.2, True)]
        width = filters
        for layer in range(1, layers + 1):
            before, width = width, filters * min(2**layer, 8)
            stride = 2 if layer < layers else 1
            body += [nn.Conv2d(before, width, 4, stride, 1, bias=has_bias(norm))]
            body += [normalization(norm, width), nn.LeakyReLU(0.2, True)]
        super().__init__(nn.Sequential(*body, nn.Conv2d(width, 1, 4, 1, 1)))


class PixelDiscriminator(nn.Module):
    """Gives a raw score for every pixel, in which neighbours have no part but by the norm."""

    def __init__(self, channels=3, filters=64, norm="instance"):
        super().__init__()
        bias = has_bias(norm)
        layers = [nn.Conv2d(channels, filters, 1), nn.LeakyReLU(0.2, True)]
        layers += [nn.Conv2d(filters, 2 * filters, 1, bias=bias), normalization(norm, 2 * filters)]
        layers += [nn.LeakyReLU(0.2, True), nn.Conv2d(2 * filters, 1, 1, bias=bias)]
        self.net = nn.Sequential(*layers)
        self.apply(initialize)

    def forward(self, image):
        return self.net(image)


def gan_loss(scores, is_real, mode, for_generator=False):
    """Computes how far scores are from real or from generated, as a mean over all of them.

    `for_generator` matters to hinge alone, which stops asking a discriminator for more beyond
    the margin, but never a generator.
    """
    if mode == "lsgan":
        return (scores - float(is_real)).square().mean()
    if mode == "vanilla":
        targets = torch.full_like(scores, float(is_real))
        return F.binary_cross_entropy_with_logits(scores, targets)
    signed = scores if is_real else -scores
    if mode == "wgangp" or (mode == "hinge" and for_generator):
        return -signed.mean()
    if mode == "hinge":
        return F.relu(1.0 - signed).mean()
    raise ValueError(f"`mode` should be lsgan, vanilla, wgangp or hinge. Received: {mode}")


def gradient_penalty(discriminator, real, fake, alpha):
    """Computes how far the gradients of scores, between real and generated, are from length 1.

    `alpha` holds a number in [0, 1] for each picture, the share of the real one. The length is
    that of a whole picture's gradient; the squared distances are averaged over pictures.
    """
    alpha = alpha.reshape(-1, 1, 1, 1)
    between = (alpha * real + (1.0 - alpha) * fake).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1.0).square().mean()


def discriminator_loss(discriminator, real, fake, mode, alpha=None):
    """Computes half the sum for real and generated pictures; the latter are constants.

    For wgangp it adds 10 times the penalty, which the authors' code defines and never applies,
    at `alpha` or, if None, at random.
    """
    fake = fake.detach()
    on_real = gan_loss(discriminator(real), True, mode)
    on_fake = gan_loss(discriminator(fake), False, mode)
    loss = 0.5 * (on_real + on_fake)
    if mode == "wgangp":
        if alpha is None:
            alpha = torch.rand(len(real), dtype=real.dtype, device=real.device)
        loss = loss + 10.0 * gradient_penalty(discriminator, real, fake, alpha)
    return loss


def adam(learning_rate, *networks):
    parameters = [parameter for network in networks for parameter in network.parameters()]
    # Fused goes over each weight once; the rule is the same.
    return torch.optim.Adam(parameters, learning_rate, (0.5, 0.999), eps=1e-8, fused=True)


def update(optimizer, loss):
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def to_floats(losses):
    # Stacked, so that a GPU is waited for once.
    values = torch.stack([loss.detach() for loss in losses.values()]).tolist()
    return dict(zip(losses, values, strict=True))


class ImagePool:
    """Remembers generated pictures, so that a discriminator does not forget older ones.

    Until it is full, it stores each picture and returns it. Then it exchanges each, with
    probability 1/2, for a stored one, or else returns it unstored. Size 0 is no pool.
    """

    def __init__(self, size=50, seed=0):
        self.size = size
        self.images = []
        self.random = random.Random(seed)

    def query(self, images):
        images = images.detach()
        return torch.stack([self._exchange(image) for image in images]) if self.size else images

    def _exchange(self, image):
        if len(self.images) < self.size:
            self.images.append(image.clone())  # A view would keep its whole batch in memory.
            return image
        if self.random.random() < 0.5:
            return image
        slot = self.random.randrange(self.size)
        stored, self.images[slot] = self.images[slot], image.clone()
        return stored


class CycleGAN(nn.Module):
    """Two generators and two discriminators, `discriminator_a` judging pictures of A."""

    def __init__(
        self,
        generator_ab,
        generator_ba,
        discriminator_a,
        discriminator_b,
        lambda_cycle=10.0,
        lambda_a=None,
        lambda_b=None,
        lambda_identity=0.5,
        gan_mode="lsgan",
        learning_rate=2e-4,
        pool_size=50,
        seed=0,
    ):
        super().__init__()
        self.generator_ab, self.generator_ba = generator_ab, generator_ba
        self.discriminator_a, self.discriminator_b = discriminator_a, discriminator_b
        self.lambda_a = lambda_cycle if lambda_a is None else lambda_a
        self.lambda_b = lambda_cycle if lambda_b is None else lambda_b
        self.lambda_identity, self.gan_mode = lambda_identity, gan_mode
        self.pool_a, self.pool_b = (ImagePool(pool_size, 2 * seed + i) for i in range(2))
        self.generator_optimizer = adam(learning_rate, generator_ab, generator_ba)
        self.discriminator_optimizer = adam(learning_rate, discriminator_a, discriminator_b)

    def generator_losses(self, real_a, real_b):
        """Computes the weighted terms and their sum, `generator_loss`; the fakes of A and B."""
        fake_b, fake_a = self.generator_ab(real_a), self.generator_ba(real_b)
        cycled_a, cycled_b = self.generator_ba(fake_b), self.generator_ab(fake_a)
        scores_b, scores_a = self.discriminator_b(fake_b), self.discriminator_a(fake_a)
        losses = {
            "adversarial_loss_ab": gan_loss(scores_b, True, self.gan_mode, for_generator=True),
            "adversarial_loss_ba": gan_loss(scores_a, True, self.gan_mode, for_generator=True),
            "cycle_loss_a": self.lambda_a * F.l1_loss(cycled_a, real_a),
            "cycle_loss_b": self.lambda_b * F.l1_loss(cycled_b, real_b),
        }
        if self.lambda_identity:
            weight_a, weight_b = (self.lambda_identity * w for w in (self.lambda_a, self.lambda_b))
            losses["identity_loss_a"] = weight_a * F.l1_loss(self.generator_ba(real_a), real_a)
            losses["identity_loss_b"] = weight_b * F.l1_loss(self.generator_ab(real_b), real_b)
        losses["generator_loss"] = sum(losses.values())
        return losses, fake_a, fake_b

    def discriminator_losses(self, real_a, real_b, fake_a, fake_b, alpha_a=None, alpha_b=None):
        """Computes what each discriminator minimizes."""
        mode, judge_a, judge_b = self.gan_mode, self.discriminator_a, self.discriminator_b
        return {
            "discriminator_loss_a": discriminator_loss(judge_a, real_a, fake_a, mode, alpha_a),
            "discriminator_loss_b": discriminator_loss(judge_b, real_b, fake_b, mode, alpha_b),
        }

    def step(self, real_a, real_b):
        """Updates the generators, then the discriminators on the fakes from before that."""
        self._hold_discriminators(True)
        losses, fake_a, fake_b = self.generator_losses(real_a, real_b)
        update(self.generator_optimizer, losses["generator_loss"])
        self._hold_discriminators(False)

        pooled_a, pooled_b = self.pool_a.query(fake_a), self.pool_b.query(fake_b)
        judged = self.discriminator_losses(real_a, real_b, pooled_a, pooled_b)
        # The two share no weight, so the sum gives each its own gradients.
        update(self.discriminator_optimizer, sum(judged.values()))
        return to_floats(losses | judged)

    def _hold_discriminators(self, held):
        self.discriminator_a.requires_grad_(not held)
        self.discriminator_b.requires_grad_(not held)


class Pix2Pix(nn.Module):
    """Learns from aligned pairs; the discriminator sees the channels of input and output."""

    def __init__(
        self, generator, discriminator, lambda_l1=100.0, gan_mode="vanilla", learning_rate=2e-4
    ):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.lambda_l1, self.gan_mode = lambda_l1, gan_mode
        self.generator_optimizer = adam(learning_rate, generator)
        self.discriminator_optimizer = adam(learning_rate, discriminator)

    def discriminator_losses(self, real_a, real_b, fake_b, alpha=None):
        """Computes what the discriminator minimizes."""
        # Detached before it is joined, or the join would be recorded for nothing.
        real = torch.cat([real_a, real_b], dim=1)
        fake = torch.cat([real_a, fake_b.detach()], dim=1)
        loss = discriminator_loss(self.discriminator, real, fake, self.gan_mode, alpha)
        return {"discriminator_loss": loss}

    def generator_losses(self, real_a, real_b, fake_b):
        """Computes the weighted terms and their sum, `generator_loss`."""
        scores = self.discriminator(torch.cat([real_a, fake_b], dim=1))
        losses = {
            "adversarial_loss": gan_loss(scores, True, self.gan_mode, for_generator=True),
            "l1_loss": self.lambda_l1 * F.l1_loss(fake_b, real_b),
        }
        losses["generator_loss"] = sum(losses.values())
        return losses

    def step(self, real_a, real_b):
        """Updates the discriminator, then the generator against the updated one."""
        fake_b = self.generator(real_a)
        judged = self.discriminator_losses(real_a, real_b, fake_b)
        update(self.discriminator_optimizer, judged["discriminator_loss"])

        self.discriminator.requires_grad_(False)
        losses = self.generator_losses(real_a, real_b, fake_b)
        update(self.generator_optimizer, losses["generator_loss"])
        self.discriminator.requires_grad_(True)
        return to_floats(losses | judged)
