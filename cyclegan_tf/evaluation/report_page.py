"""A run as one page: what was trained, how it went, what came of it, and what to do with it."""

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

# A page of 8 MB is still sent by mail; as text, pictures take a third more than as files.
SAMPLES_BYTES, GALLERY_BYTES = 4_000_000, 1_200_000
MOST_SAMPLES = 24


class Option(NamedTuple):
    """An option of a run, as text: what it has, what it has by default, and what it is."""

    name: str
    value: str
    default: str
    meaning: str


class Fact(NamedTuple):
    """A thing worth knowing at first sight."""

    title: str
    value: str
    detail: str = ""


class Command(NamedTuple):
    """Something to do next, in words and as a command line."""

    title: str
    line: str


@dataclass(frozen=True)
class Report:
    """What is to be said of a run; what there is none of is said, too.

    Attributes:
        name: Of the run.
        lead: What was trained, in a sentence.
        state: How far it has come, in sentences.
        facts: What to know at first sight.
        changed: The options that differ from their defaults.
        others: The other ones, by group.
        steps: Those at which metrics were recorded, int64 `(lines,)`, ascending.
        metrics: By name, float64 `(lines,)`; NaN where there is no number.
        gan_mode: The adversarial loss, if there is one.
        samples: Sheets by the step they were drawn at, ascending.
        gallery: The sheet of test pictures, if there is one.
        figures: Those of an `Evaluation`, if there are any.
        final: Whether the run has reached its end, or that is not known.
        commands: What can be done next.
        names: What people call domains A and B.
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
    """Writes the page, whole or not at all; with all pictures, it stays below 8 MB.

    Args:
        path: Where to.
        report: What it says. Pictures that cannot be read are left out, and named in the page.

    Raises:
        OSError: If it cannot be written.
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
        pictures=_pictures(report.figures or {}),
        unreadable=unreadable,
    )


def _read(path: Path, most_bytes: int, unreadable: list[str], longer: int = 1600) -> Stored | None:
    try:
        return Stored.read(path, most_bytes, longer)
    except (UserError, OSError):
        unreadable.append(path.name)
        return None


def _pictures(figures: Mapping[str, Any]) -> str:
    counts = {str(found["pictures"]) for found in figures.values() if "pictures" in found}
    return " and ".join(sorted(counts))
