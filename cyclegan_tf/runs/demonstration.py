"""What a trained run's page shows: its translations, examples, and neural style beside them."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from cyclegan_tf.config.config import Config
from cyclegan_tf.config.run_options import MODELS
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import as_rgb
from cyclegan_tf.neural_style.options import StyleOptions
from cyclegan_tf.neural_style.transfer import stylize
from cyclegan_tf.neural_style.weights import load_backbone
from cyclegan_tf.runs import assembly
from cyclegan_tf.runs.assembly import Data
from cyclegan_tf.runs.run import load_generators
from cyclegan_tf.translation.network import translator

Method = Callable[[np.ndarray], np.ndarray]


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
    translate: dict[str, Method]
    examples: dict[str, list[np.ndarray]]
    paint: dict[str, Method]
    channels: dict[str, int]


def load(
    workdir: str | Path,
    options: StyleOptions,
    network: Mapping[str, Any],
    examples: int,
    step: int | None = None,
) -> Demonstration:
    """Loads a run to be shown.

    Args:
        workdir: Of a trained run.
        options: Of neural style.
        network: What `load_backbone` takes. Its weights are loaded when they are first asked for.
        examples: How many test pictures of each domain.
        step: Of the checkpoint to take; None for the newest that is whole.

    Raises:
        UserError: If there is no such run, or it is about label maps.
    """
    config, generators = load_generators(workdir, step=step)
    if assembly.segments(config):
        raise UserError("the page shows pictures; this run makes label maps")
    shown = _examples(config, examples) if examples else {}

    @functools.cache
    def backbone() -> Any:
        return load_backbone(**network, seed=options.seed)

    def painter(direction: str) -> Method:
        (style, *_) = shown[direction[::-1]]
        return lambda picture: stylize(
            as_rgb(picture), [as_rgb(style)], backbone(), options, init="content"
        )

    return Demonstration(
        f"{MODELS[config.model.model]}: {config.data.data or Path(workdir).name}"
        + ("" if step is None else f", step {step}"),
        {direction: translator(generator) for direction, generator in generators.items()},
        {direction: pictures for direction, pictures in shown.items() if direction in generators},
        {direction: painter(direction) for direction in generators if direction[::-1] in shown},
        {direction: generator.input_shape[-1] for direction, generator in generators.items()},
    )


def _examples(config: Config, count: int) -> dict[str, list[np.ndarray]]:
    """Takes test pictures of both domains; none where the data is not there any more."""
    try:
        data = Data.load(config, "test")
    except UserError:
        return {}
    if data is None:
        return {}
    a, b = assembly.evaluation_levels(config, data)
    return {"a2b": list(islice(a, count)), "b2a": list(islice(b, count))}
