"""Reading what a run has written down, also while it goes on; nothing here needs TensorFlow."""

import json
import re
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np


def read_json(path: Path) -> dict[str, Any] | None:
    """Returns the object in a JSON file; None where there is no such file, or it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def read_clock(path: Path) -> dict[str, Any] | None:
    """Returns what `observers.Clock` wrote; None where there is nothing, or it is damaged."""
    found = read_json(path) or {}
    kinds = ("step", "seconds", "device")
    return {kind: found[kind] for kind in kinds} if all(k in found for k in kinds) else None


def read_metrics(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Reads what `observers.MetricsLog` wrote.

    Args:
        path: Of a file that may be missing. Lines that are no JSON object with a step are passed
            over, since the last one may be half written.

    Returns:
        The steps of the lines, int64 ascending, and by name the metrics of these steps, float64;
        NaN where a line has none, or one that is no finite number.
    """
    steps = array("q")
    columns: dict[str, Any] = {}
    for step, values in _lines(path):
        for name, value in values.items():
            column = columns.setdefault(name, array("d"))
            column.extend([float("nan")] * (len(steps) - len(column)))
            column.append(value)
        steps.append(step)
    for column in columns.values():
        column.extend([float("nan")] * (len(steps) - len(column)))
    # What was written later holds where a step appears twice.
    order, first = np.unique(np.array(steps, np.int64)[::-1], return_index=True)
    found = {name: np.array(column)[::-1][first] for name, column in columns.items()}
    return order, {name: np.where(np.isfinite(x), x, np.nan) for name, x in found.items()}


def read_line(line: str) -> tuple[int, dict[str, float]] | None:
    """Reads a line that `observers.MetricsLog` wrote.

    Returns:
        The step, and the numbers by name; None for what is no JSON object with a step, as the last
        line of a run that was killed may be.
    """
    try:
        row = json.loads(line)
        step = int(row.pop("step"))
        return step, {n: float(x) for n, x in row.items() if isinstance(x, int | float)}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None


def _lines(path: Path) -> Iterator[tuple[int, dict[str, float]]]:
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        yield from filter(None, map(read_line, file))


def step_name(step: int) -> str:
    """Returns what files and folders of a step are called, without a suffix."""
    return f"step-{step:08d}"


def step_files(folder: Path, suffix: str) -> dict[int, Path]:
    """Finds the files of a folder that are named by a step, see `step_name`, and a suffix.

    Args:
        folder: Where to look; it may be missing.
        suffix: With its dot.

    Returns:
        The paths by step, ascending.
    """
    named = ((re.fullmatch(r"step-(\d+)", p.stem), p) for p in folder.glob(f"step-*{suffix}"))
    return dict(sorted((int(match[1]), path) for match, path in named if match))
