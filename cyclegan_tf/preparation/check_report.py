"""Reports of a check: a table, JSON, and contact sheets."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cyclegan_tf.files import write_atomically
from cyclegan_tf.images.images import read_image, resize, write_image
from cyclegan_tf.images.sheets import grid, spread
from cyclegan_tf.preparation.findings import DomainContent, Findings

_PICTURES, _PAIRS = 8, 12
_SIDE = 128


def table(found: Findings) -> str:
    """Return a table with a row for each domain, followed by the findings."""
    head = ("domain", "images", "unreadable", "height", "width", "grey", "modes")
    rows = [head, *(_row(name, content) for name, content in found.domains.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines += ["(heights and widths: smallest, median and largest, in pixels)", ""]
    lines += [f"error:   {text}" for text in found.errors]
    lines += [f"warning: {text}" for text in found.warnings]
    return "\n".join(lines if found.errors or found.warnings else [*lines, "no problems found"])


def write_report(folder: Path, found: Findings) -> list[Path]:
    """Write `report.json`, `contact_sheet.png` and, if there are any, `duplicates.png`.

    Args:
        folder: Output folder; created if missing.
        found: The findings.

    Returns:
        The paths of the written files.

    Raises:
        OSError: If a file cannot be written.
    """
    report, duplicates = folder / "report.json", folder / "duplicates.png"
    write_atomically(report, json.dumps(found.facts(), indent=1) + "\n")
    duplicates.unlink(missing_ok=True)  # From an earlier check.
    written = [report]
    filled = {name: content for name, content in found.domains.items() if content.prints}
    if filled:
        rows = [_samples(content) for content in filled.values()]
        columns = max(map(len, rows))
        blank = np.full((1, 1, 3), 255, np.uint8)
        padded = [[*row, *[blank] * (columns - len(row))] for row in rows]
        write_image(folder / "contact_sheet.png", grid(padded, [""] * columns, [*filled]))
        written.append(folder / "contact_sheet.png")
    pairs = [*((group[0], group[1]) for group in found.same), *found.near][:_PAIRS]
    if pairs:
        shown = [[_small(found.encoded(place)) for place in pair] for pair in pairs]
        labels = [f"{'/'.join(one)} = {'/'.join(other)}" for one, other in pairs]
        write_image(duplicates, grid(shown, ["", ""], labels))
        written.append(duplicates)
    return written


def _row(name: str, content: DomainContent) -> tuple[str, ...]:
    facts = content.facts()
    sizes = (
        " / ".join(f"{value:.0f}" for value in facts[side].values()) or "-"
        for side in ("height", "width")
    )
    modes = ", ".join(f"{mode} {count}" for mode, count in facts["modes"].items())
    counts = (str(len(content.prints)), str(len(content.unreadable)))
    return (name, *counts, *sizes, str(len(content.grey)), modes or "-")


def _samples(content: DomainContent) -> Sequence[np.ndarray]:
    """Return evenly spaced images of a domain, including the first and the last."""
    return [_small(content.encoded(name)) for name in spread([*content.prints], _PICTURES)]


def _small(encoded: Path | bytes) -> np.ndarray:
    return resize(read_image(encoded), _SIDE)
