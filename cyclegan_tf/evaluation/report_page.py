"""The report page of a run: settings, curves, results and next steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cyclegan_tf.errors import UserError
from cyclegan_tf.evaluation.curves import plots, window
from cyclegan_tf.evaluation.figures import page_rows
from cyclegan_tf.evaluation.page import Stored, write_page
from cyclegan_tf.images.sheets import spread

# Mail servers accept 8 MB. Images embedded as text take a third more space than as files.
SAMPLES_BYTES, GALLERY_BYTES = 4_000_000, 1_200_000
MOST_SAMPLES = 24


class Option(NamedTuple):
    """An option of a run as text: its value, its default and its meaning."""

    name: str
    value: str
    default: str
    meaning: str


class Fact(NamedTuple):
    """One entry of the summary at the top of the page."""

    title: str
    value: str
    detail: str = ""


class Command(NamedTuple):
    """A suggested next step, in words and as a command line."""

    title: str
    line: str


@dataclass(frozen=True)
class Report:
    """The contents of a run's report; missing parts are listed on the page.

    Attributes:
        name: Name of the run.
        lead: One sentence about the model and its data.
        state: Sentences about an unfinished run.
        facts: The summary at the top.
        changed: Options that differ from their defaults.
        others: All other options, by group.
        steps: Recorded steps, int64 `(lines,)`, ascending.
        metrics: Values by name, each float64 `(lines,)`; NaN is a gap.
        gan_mode: The adversarial loss; empty without one.
        samples: Sample sheets by step, ascending.
        gallery: The sheet of test images, if it exists.
        figures: The metrics of an `Evaluation`, if the run was evaluated.
        final: Whether the run is complete, or its end is unknown.
        commands: Suggested next steps.
        names: The names of domains A and B that people read.
    """

    name: str
    lead: str
    state: Sequence[str]
    facts: Sequence[Fact]
    changed: Sequence[Option]
    others: Mapping[str, Sequence[Option]]
    steps: np.ndarray
    metrics: Mapping[str, np.ndarray]
    gan_mode: str = ""
    samples: Mapping[int, Path] = field(default_factory=dict)
    gallery: Path | None = None
    figures: Mapping[str, Any] | None = None
    final: bool = True
    commands: Sequence[Command] = ()
    names: tuple[str, str] = ("A", "B")


def write_report(path: Path, report: Report) -> None:
    """Write the page atomically, with all images below 8 MB.

    Args:
        path: File of the page.
        report: Its contents. The page names the images that cannot be read.

    Raises:
        OSError: If the page cannot be written.
    """
    lines = len(report.steps)
    chosen = spread(list(report.samples), MOST_SAMPLES)
    share = SAMPLES_BYTES // max(len(chosen), 1)
    unreadable: list[str] = []
    frames = {step: _read(report.samples[step], share, unreadable) for step in chosen}
    gallery = report.gallery and _read(report.gallery, GALLERY_BYTES, unreadable, longer=2400)
    columns, rows = page_rows(report.figures or {}, report.names)
    write_page(
        path,
        "report.html",
        report=report,
        plots=plots(report.steps, report.metrics, report.gan_mode),
        smoothed_lines=window(lines),
        smoothed_steps=window(lines) * int(report.steps[-1] // lines) if lines else 0,
        frames={step: frame for step, frame in frames.items() if frame},
        gallery=gallery,
        columns=columns,
        rows=rows,
        pictures=_image_counts(report.figures or {}),
        unreadable=unreadable,
    )


def _read(path: Path, most_bytes: int, unreadable: list[str], longer: int = 1600) -> Stored | None:
    try:
        return Stored.read(path, most_bytes, longer)
    except (UserError, OSError):
        unreadable.append(path.name)
        return None


def _image_counts(figures: Mapping[str, Any]) -> str:
    counts = {str(found["pictures"]) for found in figures.values() if "pictures" in found}
    return " and ".join(sorted(counts))
