"""What a trained run's page shows: its translations, examples, and neural style beside them."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from cyclegan_tf.config.config import Config
from cyclegan_tf.config.direction import Direction
from cyclegan_tf.config.run_options import MODELS
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import ImageFunction, as_rgb
from cyclegan_tf.neural_style.options import StyleOptions
from cyclegan_tf.neural_style.transfer import stylize
from cyclegan_tf.neural_style.weights import load_backbone
from cyclegan_tf.runs import assembly
from cyclegan_tf.runs.assembly import Data
from cyclegan_tf.runs.run import Run
from cyclegan_tf.translation.network import translator


@dataclass(frozen=True)
class Demonstration:
    """What `serving.demo_page.build` lays out.

    Attributes:
        title: What the model does.
        translate: By direction, from a picture, uint8 `(height, width, channels)`, to one of the
            same size.
        examples: Test pictures by the direction they can be translated in.
        paint: By direction, the same by neural style with the first example of the other domain.
        channels: What a picture of each direction has.
    """

    title: str
    translate: dict[str, ImageFunction]
    examples: dict[str, list[np.ndarray]]
    paint: dict[str, ImageFunction]
    channels: dict[str, int]


def demonstrate(
    run: Run,
    options: StyleOptions,
    network: Mapping[str, Any],
    examples: int,
) -> Demonstration:
    """Prepares a run to be shown.

    Args:
        run: The trained run.
        options: Of neural style.
        network: What `load_backbone` takes. Its weights are loaded when they are first asked for.
        examples: How many test pictures of each domain.

    Raises:
        UserError: If the run makes label maps.
    """
    config, step = run.config, run.origin.step
    generators = {Direction(name): network for name, network in run.generators.items()}
    if assembly.segments(config):
        raise UserError("the page shows pictures; this run makes label maps")
    shown = _examples(config, examples) if examples else {}

    @functools.cache
    def backbone() -> Any:
        return load_backbone(**network, seed=options.seed)

    def painter(direction: Direction) -> ImageFunction:
        (style, *_) = shown[direction.opposite]
        return lambda picture: stylize(
            as_rgb(picture), [as_rgb(style)], backbone(), options, init="content"
        )

    return Demonstration(
        f"{MODELS[config.model.model]}: {config.data.data or run.origin.workdir.root.name}"
        + ("" if step is None else f", step {step}"),
        {direction: translator(generator) for direction, generator in generators.items()},
        {direction: pictures for direction, pictures in shown.items() if direction in generators},
        {d: painter(d) for d in generators if d.opposite in shown},
        {direction: generator.input_shape[-1] for direction, generator in generators.items()},
    )


def _examples(config: Config, count: int) -> dict[Direction, list[np.ndarray]]:
    """Takes test pictures of both domains; none where the data is not there any more."""
    try:
        data = Data.load(config, "test")
    except UserError:
        return {}
    if data is None:
        return {}
    a, b = assembly.evaluation_levels(config, data)
    return {Direction.A2B: list(islice(a, count)), Direction.B2A: list(islice(b, count))}
