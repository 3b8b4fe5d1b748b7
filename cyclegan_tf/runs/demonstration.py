"""The contents of a run's demo: its translations, examples, and neural style for comparison."""

import functools
import logging
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
from cyclegan_tf.neural_style.weights import has_weights, load_backbone
from cyclegan_tf.runs import assembly
from cyclegan_tf.runs.assembly import Data
from cyclegan_tf.runs.run import Run
from cyclegan_tf.translation.network import translator

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Demonstration:
    """The contents of the page that `serving.demo_page.build` lays out.

    Attributes:
        title: What the model does.
        translate: By direction, a function from an image, uint8 `(height, width, channels)`, to
            an image of the same size.
        examples: Test images, by the direction in which they can be translated.
        paint: By direction, the same by neural style, in the style of the first example of the
            target domain; empty without weights.
        channels: Number of channels of the inputs, by direction.
        names: The names of domains A and B that people read.
    """

    title: str
    translate: dict[str, ImageFunction]
    examples: dict[str, list[np.ndarray]]
    paint: dict[str, ImageFunction]
    channels: dict[str, int]
    names: tuple[str, str]


def demonstrate(
    run: Run,
    options: StyleOptions,
    network: Mapping[str, Any],
    examples: int,
) -> Demonstration:
    """Prepare a run for its demo.

    Args:
        run: The trained run.
        options: Options of neural style.
        network: Arguments of `load_backbone`, which is called when somebody first asks for neural
            style. Without weights on this machine, neural style is not offered.
        examples: Number of test images of each domain.

    Raises:
        UserError: If the run predicts label maps.
    """
    config, step = run.config, run.origin.step
    generators = {Direction(name): network for name, network in run.generators.items()}
    if assembly.segments(config):
        raise UserError("the demo shows images, but this run predicts label maps")
    shown = _examples(config, examples) if examples else {}

    offered = bool(shown) and has_weights(network["backbone"], network["backbone_weights"])
    if shown and not offered:
        _log.info(
            "neural style is not offered: there are no weights on this machine; give "
            "`backbone_weights=FILE`, or `backbone_weights=random`"
        )

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
        {d: painter(d) for d in generators if offered and d.opposite in shown},
        {direction: generator.input_shape[-1] for direction, generator in generators.items()},
        config.domain_names,
    )


def _examples(config: Config, count: int) -> dict[Direction, list[np.ndarray]]:
    """Read test images of both domains; none if the data is no longer there."""
    try:
        data = Data.load(config, "test")
    except UserError:
        return {}
    if data is None:
        return {}
    a, b = assembly.evaluation_levels(config, data)
    return {Direction.A2B: list(islice(a, count)), Direction.B2A: list(islice(b, count))}
