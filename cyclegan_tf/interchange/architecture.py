"""Networks of the official PyTorch code: recognition by keys and shapes, and layer positions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cyclegan_tf.config.generators import GeneratorSpec
from cyclegan_tf.errors import UserError

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Generator:
    """A generator of the official PyTorch code.

    Attributes:
        name: `resnet_N` or `unet_N`, as for `models.generators.generator`.
        in_channels: Channels of the input domain.
        out_channels: Channels of the output domain.
        filters: Channels of the first layer.
        norm: `instance`, `batch` or `none`.
        dropout: Whether it has dropout; None for a U-Net, whose keys do not show it.
    """

    name: str
    in_channels: int
    out_channels: int
    filters: int
    norm: str
    dropout: bool | None

    def __str__(self) -> str:
        return f"{self.name} generator of {self.filters} filters with {self.norm} norm"

    @property
    def places(self) -> dict[str, str]:
        """Positions of our convolutions in the official code; a norm comes one position later."""
        spec = GeneratorSpec.parse(self.name)
        if spec.family == "unet":
            return _unet_places(levels=spec.number.bit_length() - 1)
        return _resnet_places(spec.number, bool(self.dropout))

    @property
    def options(self) -> list[str]:
        """Flags of the official code for this network; it only knows 6 or 9 blocks, 128 or 256."""
        is_resnet = GeneratorSpec.parse(self.name).family == "resnet"
        name = f"{self.name}blocks" if is_resnet else self.name
        channels = (f"--input_nc={self.in_channels}", f"--output_nc={self.out_channels}")
        dropout = [] if self.dropout else ["--no_dropout"]
        return [
            f"--netG={name}",
            f"--ngf={self.filters}",
            f"--norm={self.norm}",
            *channels,
            *dropout,
        ]


@dataclass(frozen=True)
class Discriminator:
    """A discriminator of the official PyTorch code.

    Attributes:
        name: `patch` or `pixel`.
        layers: Number of layers of stride 2, which only `patch` has.
        channels: Channels of the classified domain.
        filters: Channels of the first layer.
        norm: `instance`, `batch` or `none`.
    """

    name: str
    layers: int
    channels: int
    filters: int
    norm: str

    def __str__(self) -> str:
        return f"{self.name} discriminator of {self.filters} filters with {self.norm} norm"

    @property
    def places(self) -> dict[str, str]:
        """Positions of our convolutions in the official code; a norm comes one position later."""
        if self.name == "pixel":
            return {"layer_1": "net.0", "layer_2": "net.2", "scores": "net.5"}
        later = [*(f"layer_{layer}" for layer in range(2, self.layers + 2)), "scores"]
        # Convolution, norm and activation take three positions, but the first layer has no norm.
        return {"layer_1": "model.0"} | {name: f"model.{2 + 3 * i}" for i, name in enumerate(later)}

    @property
    def options(self) -> list[str]:
        """Flags of the official code for this network."""
        layers = ["--netD=n_layers", f"--n_layers_D={self.layers}"]
        name = ["--netD=pixel"] if self.name == "pixel" else layers
        return [*name, f"--ndf={self.filters}"]


def recognize(shapes: Shapes, source: str) -> Generator | Discriminator:
    """Recognize the network of a `state_dict`, without checking that it matches exactly.

    Args:
        shapes: Shapes of the tensors by key, without ignored keys.
        source: Name of the file for errors.

    Raises:
        UserError: If it is not one of the official networks.
    """
    for first, describe in (
        ("model.model.0.weight", _unet),
        ("net.0.weight", _pixel),
        ("model.0.weight", _patch),
        ("model.1.weight", _resnet),
    ):
        if first in shapes:
            return describe(shapes, source)
    raise UserError(
        f"{source} is not a network of the PyTorch code for CycleGAN and pix2pix: its keys "
        f"are {', '.join(list(shapes)[:3])}, ..."
    )


def _resnet(shapes: Shapes, source: str) -> Generator:
    blocks = {key.split(".")[1] for key in shapes if ".conv_block." in key}
    dropout = any(".conv_block.6." in k and len(shape) == 4 for k, shape in shapes.items())
    filters, in_channels = _kernel(shapes, "model.1", source)
    head = _resnet_places(len(blocks), dropout)["head"]
    out_channels, _ = _kernel(shapes, head, source)
    norm = _norm(shapes, "model.1")
    return Generator(f"resnet_{len(blocks)}", in_channels, out_channels, filters, norm, dropout)


def _unet(shapes: Shapes, source: str) -> Generator:
    inner = re.compile(r"model\.model\.1(\.model\.3)*\.model\.1\.weight")
    levels = 1 + sum(bool(inner.fullmatch(key)) for key in shapes)
    filters, in_channels = _kernel(shapes, "model.model.0", source)
    _, out_channels = _kernel(shapes, "model.model.3", source)
    norm = _norm(shapes, "model.model.0")
    return Generator(f"unet_{2**levels}", in_channels, out_channels, filters, norm, None)


def _patch(shapes: Shapes, source: str) -> Discriminator:
    layers = sum(len(shape) == 4 for shape in shapes.values()) - 2
    filters, channels = _kernel(shapes, "model.0", source)
    return Discriminator("patch", layers, channels, filters, _norm(shapes, "model.2"))


def _pixel(shapes: Shapes, source: str) -> Discriminator:
    filters, channels = _kernel(shapes, "net.0", source)
    return Discriminator("pixel", 0, channels, filters, _norm(shapes, "net.2"))


def _kernel(shapes: Shapes, place: str, source: str) -> tuple[int, int]:
    """Return the first two dimensions of a kernel."""
    shape = shapes.get(f"{place}.weight", ())
    if len(shape) != 4:
        raise UserError(
            f"{source} has no convolution {place}.weight: it is not a complete network of the "
            "PyTorch code for CycleGAN and pix2pix"
        )
    return shape[0], shape[1]


def _norm(shapes: Shapes, place: str) -> str:
    """Detect the norm. The given convolution has a bias only with instance norm."""
    if any(len(shape) == 1 and key.endswith(".weight") for key, shape in shapes.items()):
        return "batch"
    return "instance" if f"{place}.bias" in shapes else "none"


def _resnet_places(blocks: int, dropout: bool) -> dict[str, str]:
    after = 10 + blocks
    numbers = {"stem": 1, "down_1": 4, "down_2": 7}
    numbers |= {"up_1": after, "up_2": after + 3, "head": after + 7}
    places = {name: f"model.{number}" for name, number in numbers.items()}
    for block in range(1, blocks + 1):
        inside = f"model.{9 + block}.conv_block"
        places[f"block_{block}_1"] = f"{inside}.1"
        places[f"block_{block}_2"] = f"{inside}.{6 if dropout else 5}"
    return places


def _unet_places(levels: int) -> dict[str, str]:
    places = {"down_1": "model.model.0", "up_1": "model.model.3"}
    inside = "model.model.1.model"
    for level in range(2, levels + 1):
        places[f"down_{level}"] = f"{inside}.1"
        # A norm and the next level come in between, except in the innermost level.
        places[f"up_{level}"] = f"{inside}.{5 if level < levels else 3}"
        inside += ".3.model"
    return places
