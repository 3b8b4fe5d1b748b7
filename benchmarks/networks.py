"""The CycleGANs that benchmarks compare: ours, and the PyTorch reference of the tests."""

import sys
from pathlib import Path
from typing import Any


def our_config(size: int, blocks: int, batch: int, precision: str = "float32") -> Any:
    """Return the configuration of a published CycleGAN for images of `size` px."""
    from cyclegan_tf.config.config import Config

    return Config.of(
        generator=f"resnet_{blocks}",
        load_size=size,
        crop_size=size,
        batch_size=batch,
        precision=precision,
    ).validate()


def our_model(config: Any) -> Any:
    """Build the compiled model of a configuration."""
    from cyclegan_tf.runs.assembly import build_model

    return build_model(config, steps_per_epoch=1000)


def pytorch_model(
    size: int, blocks: int, batch: int, layout: str = "channels_last", device: str = "cpu"
) -> tuple[Any, Any, Any]:
    """Build the reference of the same size.

    Args:
        size: Height and width of the images, in pixels.
        blocks: Residual blocks of the generators.
        batch: Images of each domain.
        layout: Memory layout of weights and images, `contiguous` or `channels_last`.
        device: `cpu` or `cuda`.

    Returns:
        The model, and a batch of each domain, float32 in [-1, 1].
    """
    import torch

    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    import pytorch_reference as reference

    formats = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
    networks = [reference.ResnetGenerator(blocks) for _ in range(2)]
    networks += [reference.PatchDiscriminator() for _ in range(2)]
    model = reference.CycleGAN(*networks).to(device, memory_format=formats[layout])
    a, b = (
        torch.rand(batch, 3, size, size, device=device)
        .mul(2)
        .sub(1)
        .to(memory_format=formats[layout])
        for _ in range(2)
    )
    return model, a, b
