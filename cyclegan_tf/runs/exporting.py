"""Exporting an opened run for TF Serving, with a model card that describes its training."""

from collections.abc import Sequence
from pathlib import Path

from cyclegan_tf.evaluation.figures import metrics_table
from cyclegan_tf.runs.assembly import geometry
from cyclegan_tf.runs.run import Run
from cyclegan_tf.serving.model_card import Provenance
from cyclegan_tf.serving.saved_model import MAX_PIXELS, Published, export
from cyclegan_tf.training.records import read_json


def export_run(
    run: Run,
    output: str | Path,
    version: int | None = None,
    max_pixels: int | None = None,
    samples: str | Path | None = None,
    formats: Sequence[str] = (),
) -> Published:
    """Export a run, see `Run.export`."""
    return export(
        run.generators,
        output,
        provenance(run),
        version,
        MAX_PIXELS if max_pixels is None else max_pixels,
        samples,
        formats,
    )


def provenance(run: Run) -> Provenance:
    """Describe the origin of a run's generators, for users who do not have the run."""
    config, origin = run.config, run.origin
    data, model, optimizer = config.data, config.model, config.optimizer
    # Only the names of folders, because their location is private.
    names = [Path(name).name for name in (data.data_a, data.data_b) if name]
    built_in = data.data if not Path(data.data).is_absolute() else Path(data.data).name
    height, width = (side or data.load_size for side in geometry(config).output_size)
    facts = {
        "data": built_in or " and ".join(names) or "unknown",
        "images": f"{width}x{height} pixels by {data.preprocess}, augmented by {data.augment}",
        "model": model.model,
        "generator": f"{model.generator}, {model.filters} filters, {model.norm} norm, "
        f"{model.upsampling} upsampling",
        "training": f"{optimizer.epochs} + {optimizer.decay_epochs} epochs at a learning rate of "
        f"{optimizer.learning_rate:g}, batches of {data.batch_size}, seed {optimizer.seed}"
        + ("" if origin.step is None else f"; the checkpoint of step {origin.step}"),
    }
    figures = read_json(origin.results().evaluation)
    table = metrics_table(figures, config.domain_names) if figures else ""
    return Provenance(facts, (height, width), table, config.domain_names)
