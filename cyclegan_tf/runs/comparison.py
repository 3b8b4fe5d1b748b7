"""The comparison of a run with neural style, on the data the run was trained on."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from cyclegan_tf.config.config import Config
from cyclegan_tf.config.direction import Direction
from cyclegan_tf.config.run_options import MODELS
from cyclegan_tf.errors import UserError
from cyclegan_tf.evaluation.comparison_page import Contest, write_comparison
from cyclegan_tf.evaluation.methods import Costs, compare
from cyclegan_tf.images.images import ImageFunction, as_rgb
from cyclegan_tf.neural_style.objective import gram_matrices
from cyclegan_tf.neural_style.options import (
    COMPARISON_STYLE,
    NOT_FOR_COMPARING,
    BackboneOptions,
    StyleOptions,
)
from cyclegan_tf.neural_style.transfer import stylize
from cyclegan_tf.neural_style.weights import load_backbone
from cyclegan_tf.progress import progress_bar
from cyclegan_tf.runs import assembly
from cyclegan_tf.runs.assembly import Data
from cyclegan_tf.runs.run import Run, check_direction
from cyclegan_tf.training.distribution import device_name
from cyclegan_tf.training.records import read_clock
from cyclegan_tf.translation.network import translator

ONE, DOMAIN = "neural style, one picture", "neural style, whole domain"


def compare_run(
    run: Run,
    output: str | Path | None = None,
    direction: str = "a2b",
    images: int = 8,
    options: StyleOptions | None = None,
    network: BackboneOptions | None = None,
    style: np.ndarray | None = None,
    domain_images: int | None = None,
    init: str = "content",
) -> tuple[Path, Contest]:
    """Compare a run with neural style on test images, see `Run.compare`.

    The style comes from training images, like the knowledge of the run.

    Args:
        run: The trained run.
        output: Folder for the results.
        direction: `a2b` or `b2a`.
        images: Number of test images to compare.
        options: Options of neural style.
        network: The backbone, which paints and measures.
        style: One image of the target domain, uint8 `(height, width, 3)`; by default the first
            training image.
        domain_images: Number of training images that represent the whole domain; all by default.
        init: Where painting starts, `content` or `noise`.

    Returns:
        The page, and its contents.
    """
    options = options or COMPARISON_STYLE
    config = run.config
    translate = _translation(run, direction)
    backbone = load_backbone(**asdict(network or BackboneOptions()), seed=options.seed)
    test, train = (Data.load(config, split) for split in ("test", "train"))
    if test is None or train is None:
        raise UserError(
            "the data has no test split; training images would not be a fair comparison"
        )
    inputs, targets = _pictures(config, test, direction)
    _, trained_on = _pictures(config, train, direction)
    domain = list(islice(trained_on, domain_images))
    one = domain[0] if style is None else style
    start = time.perf_counter()
    bar = progress_bar(domain, desc="averaging Gram matrices", unit="image", leave=False)
    average = gram_matrices(backbone, bar, list(options.style_weights))
    preparation = time.perf_counter() - start
    shown, truths = list(islice(inputs, images)), list(targets)
    translate(shown[0])  # Compiles the graph, which does not count as the time of an image.
    found = compare(
        shown,
        {
            MODELS[config.model.model]: translate,
            ONE: lambda image: stylize(image, [one], backbone, options, init=init),
            DOMAIN: lambda image: stylize(
                image, [], backbone, options, init=init, style_targets=average
            ),
        },
        truths,
        backbone,
        list(options.content_weights),
        list(options.style_weights),
        truths[: len(shown)] if test.aligned else None,
    )
    costs = Costs(
        **_cost_of_training(run),
        preparation=preparation,
        translating=found.figures[MODELS[config.model.model]]["seconds"],
        painting=found.figures[DOMAIN]["seconds"],
        device=device_name(),
    )
    setting = {
        "workdir": str(run.origin.workdir.root),
        "step": run.step,
        "data": config.data.data or f"{config.data.data_a} and {config.data.data_b}",
        "direction": direction,
        "domain_pictures": len(domain),
        "test_pictures_of_the_other_domain": len(truths),
        "init": init,
        "backbone": f"{backbone.name}, {backbone.pooling} pooling",
        **{name: value for name, value in asdict(options).items() if name not in NOT_FOR_COMPARING},
    }
    contest = Contest(found, costs, one, setting, config.domain_names)
    folder = Path(output) if output else run.origin.results().root / "comparison"
    return write_comparison(folder, contest), contest


def _cost_of_training(run: Run) -> dict[str, Any]:
    """Return the recorded time and device of training up to the chosen step; None if unknown."""
    clock = read_clock(run.origin.workdir.clock)
    if clock is None or run.origin.step not in (None, clock["step"]):
        return {"training": None, "training_device": None}
    return {"training": clock["seconds"], "training_device": clock["device"]}


def _translation(run: Run, direction: str) -> ImageFunction:
    generator, config = run.generators[check_direction(run, direction)], run.config
    channels = {config.data.channels_a, config.data.channels_b if config.needs_b else 3}
    if assembly.segments(config) or not channels <= {1, 3}:
        raise UserError(
            "neural style needs grey or colour images; this run uses label maps or transparency"
        )
    own = translator(generator)
    return lambda image: as_rgb(own(np.ascontiguousarray(image[..., : generator.input_shape[-1]])))


def _pictures(
    config: Config, data: Data, direction: str
) -> tuple[Iterator[np.ndarray], Iterator[np.ndarray]]:
    """Return the images of the source domain and of the target domain of a split."""
    a, b = (map(as_rgb, images) for images in assembly.evaluation_levels(config, data))
    return Direction(direction).ordered(a, b)
