"""The report of a run, gathered from its workdir alone."""

import logging
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from cyclegan_tf.config.config import Config, options
from cyclegan_tf.config.direction import arrow
from cyclegan_tf.config.run_options import MODELS
from cyclegan_tf.errors import UserError, reason
from cyclegan_tf.evaluation.figures import changed_ratio
from cyclegan_tf.evaluation.page import duration
from cyclegan_tf.evaluation.report_page import Command, Fact, Option, Report, write_report
from cyclegan_tf.runs.workdir import Workdir
from cyclegan_tf.training.records import read_clock, read_json, read_metrics, step_files

_log = logging.getLogger(__name__)


def report_run(workdir: str | Path, output: str | Path | None = None) -> Path:
    """Write the report of a run, finished or not, without changing the run.

    Args:
        workdir: Folder of the run.
        output: File of the page; by default `report.html` in the workdir.

    Returns:
        The path of the page.

    Raises:
        UserError: If there is no run, or the page cannot be written.
    """
    files = Workdir(Path(workdir))
    config = files.run_config()
    page = files.report if output is None else Path(output)
    try:
        write_report(page, gather(files, config))
    except OSError as error:
        raise UserError(
            f"cannot write the report to {page}: {error}; choose another file with `output`"
        ) from error
    return page


def report_if_possible(workdir: str | Path) -> Path | None:
    """Write the report at the end of training, which must not fail because of it.

    Returns:
        The path of the page; None if it cannot be written, and the log says why.
    """
    try:
        return report_run(workdir)
    except Exception as error:
        _log.warning(
            "no report, but the run itself is kept: %s. To try again: %s",
            *(reason(error), _command("report", workdir)),
        )
        return None


def gather(files: Workdir, config: Config) -> Report:
    """Read the contents of a report from the files of a run.

    Args:
        files: Files of the run.
        config: Configuration of the run.
    """
    steps, metrics = read_metrics(files.metrics)
    description = read_json(files.description) or {}
    clock = read_clock(files.clock)
    checkpoints = step_files(files.checkpoints, ".index")
    step = _step(steps, clock, list(checkpoints))
    stop = description.get("stop_step")
    figures = read_json(files.evaluation)
    unfinished = stop is not None and step < stop
    # Earlier versions did not store the last step, but evaluated the run there.
    goes_on = figures is None if stop is None else unfinished
    changed, others = _options(config)
    return Report(
        name=files.root.resolve().name,
        lead=_lead(config),
        state=_state(step, stop, max(checkpoints, default=None)),
        facts=_facts(config, description, clock, step, figures or {}),
        changed=changed,
        others=others,
        steps=steps,
        metrics=metrics,
        gan_mode="" if config.model.model == "autoencoder" else config.objective.gan_mode,
        samples=step_files(files.samples, ".png"),
        gallery=files.gallery if files.gallery.is_file() else None,
        figures=figures,
        final=not unfinished,
        names=config.domain_names,
        commands=_commands(files, config, changed, goes_on),
    )


def _step(steps: np.ndarray, clock: dict[str, Any] | None, checkpoints: list[int]) -> int:
    """Return the last recorded step."""
    return max([*steps[-1:].tolist(), *([clock["step"]] if clock else []), *checkpoints, 0])


def _lead(config: Config) -> str:
    data, model = config.data, config.model
    source = data.data or " and ".join(filter(None, (data.data_a, data.data_b))) or "unknown data"
    whole = {
        "cyclegan": "A CycleGAN, which translates in both directions without needing pairs",
        "pix2pix": "A pix2pix model, which learns to translate from pairs",
        "autoencoder": {
            "reconstruct": "An autoencoder, which learns to reconstruct images"
            + (" without their noise" if config.objective.noise else ""),
            "translate": "An autoencoder, which learns to translate from pairs",
            "segment": "An autoencoder, which learns to predict the class of each pixel",
        }[config.objective.task],
    }[model.model]
    crops = data.preprocess.endswith("crop")
    side = data.crop_size if crops else data.load_size
    size = "" if data.preprocess == "none" else f" at {side} px"
    return f"{whole}; trained on {source}{size}."


def _state(step: int, stop: int | None, checkpoint: int | None) -> list[str]:
    if not step:
        kept = "holds converted networks and " if checkpoint == 0 else ""
        return [f"This run {kept}has not been trained here yet."]
    if stop is None or step >= stop:
        return []
    kept = (
        f"The latest checkpoint is of step {checkpoint:,}." if checkpoint else "No checkpoint yet."
    )
    return [f"Not finished: step {step:,} of {stop:,}. It is still training or was stopped. {kept}"]


def _facts(
    config: Config,
    description: dict[str, Any],
    clock: dict[str, Any] | None,
    step: int,
    figures: dict[str, Any],
) -> list[Fact]:
    data, model, optimizer = config.data, config.model, config.optimizer
    stop = description.get("stop_step")
    cut = stop and (stop != step or config.run.max_steps)
    end = f"of {stop:,}" if cut else f"{optimizer.epochs} + {optimizer.decay_epochs} epochs"
    facts = [Fact("steps", f"{step:,}", end)]
    if clock:
        rate = f"{duration(clock['seconds'] / clock['step'])} a step, " if clock["step"] else ""
        facts.append(Fact("time", duration(clock["seconds"]), f"{rate}{clock['device']}"))
    if train := description.get("training_pictures"):
        test = description.get("test_pictures")
        names = config.domain_names
        tests = f"and {_counts(test, names)} for tests" if test else "and none for tests"
        facts.append(Fact("training images", _counts(train, names), tests))
    parameters = description.get("parameters", {})
    facts.append(Fact("generator", model.generator, _size(model.filters, parameters, "generator")))
    if model.model != "autoencoder":
        filters = model.discriminator_filters or model.filters
        detail = _size(filters, parameters, "discriminator")
        facts.append(Fact("discriminator", model.discriminator, detail))
    detail = f"{optimizer.schedule}, batches of {data.batch_size}"
    facts.append(Fact("learning rate", f"{optimizer.learning_rate:g}", detail))
    for direction, found in figures.items():
        if (ratio := changed_ratio(found)) is not None:
            title = f"error left, {arrow(direction, *config.domain_names)}"
            facts.append(Fact(title, f"{ratio:.3f}", "on changed pixels; 1 is the unchanged input"))
        elif "labels" in found:
            share = f"{found['labels']['pixel_accuracy']:.1%}"
            facts.append(Fact("pixel accuracy", share, "on all test images"))
    return facts


def _counts(images: dict[str, int], names: tuple[str, str]) -> str:
    # Models without domain B count A only.
    return " + ".join(f"{count:,} {n}" for count, n in zip(images.values(), names, strict=False))


def _size(filters: int, parameters: dict[str, int], kind: str) -> str:
    # With two directions there are two networks of a kind, of (almost) the same size.
    count = next((n for name, n in parameters.items() if name.startswith(kind)), None)
    return f"{filters} filters" + (f", {count:,} parameters" if count else "")


def _options(config: Config) -> tuple[list[Option], dict[str, list[Option]]]:
    """Split the options of the model into changed and default ones."""
    model = config.model.model
    changed, others = [], dict[str, list[Option]]()
    for (group, option, value), (_, _, default) in zip(
        options(config), options(Config.of(model)), strict=True
    ):
        if model not in option.metadata.get("models", MODELS):
            continue
        about = Option(option.name, _text(value), _text(default), option.metadata["help"])
        if value != default or (option.name == "model" and value != option.default):
            changed.append(about)
        else:
            others.setdefault(group.capitalize(), []).append(about)
    return changed, others


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _commands(
    files: Workdir, config: Config, changed: list[Option], goes_on: bool
) -> list[Command]:
    root = files.root
    first = [Command("Resume training.", _command("train", root))] if goes_on else []
    a, b = config.domain_names
    other = " (or b2a for the opposite direction)" if config.model.model == "cyclegan" else ""
    paths = ("--direction=a2b", "--input=images", "--output=translated")
    again = [f"--{option.name}={option.value}" for option in changed]
    return [
        *first,
        Command(
            f"Translate an image, a folder or a clip from {a} to {b}{other}.",
            _command("translate", root, *paths),
        ),
        Command("Evaluate the run on the test images.", _command("evaluate", root)),
        Command(
            "Export a version for TF Serving.",
            _command("export", root, f"--output=served/{root.resolve().name}"),
        ),
        Command("Open a page to try your own images.", _command("demo", root)),
        Command("Write this report again.", _command("report", root)),
        Command(
            "Train another run with the same options.",
            _command("train", "runs/another", *again),
        ),
    ]


def _command(name: str, workdir: str | Path, *flags: str) -> str:
    words = [f"python -m cyclegan_tf.{name}", shlex.quote(f"--workdir={workdir}")]
    # A long command is split over several lines, as a shell accepts it.
    return (" \\\n    " if len(flags) > 3 else " ").join([*words, *map(shlex.quote, flags)])
