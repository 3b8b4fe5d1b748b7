"""Reads the records of a run, also while it trains, without importing TensorFlow."""

import json
import re
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file, or None if the file is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def read_clock(path: Path) -> dict[str, Any] | None:
    """Return the record of `observers.Clock`, or None if it is missing or damaged."""
    found = read_json(path) or {}
    kinds = ("step", "seconds", "device")
    return {kind: found[kind] for kind in kinds} if all(k in found for k in kinds) else None


def read_metrics(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Read the file of `observers.MetricsLog`.

    Args:
        path: The file, which may be missing. Lines that are not JSON objects with a step are
            skipped, because the last one may be half-written.

    Returns:
        The steps, int64 ascending, and the metrics at these steps by name, float64; NaN if a line
        lacks the metric or its value is not finite.
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
    # If a step appears twice, the later line counts.
    order, first = np.unique(np.array(steps, np.int64)[::-1], return_index=True)
    found = {name: np.array(column)[::-1][first] for name, column in columns.items()}
    return order, {name: np.where(np.isfinite(x), x, np.nan) for name, x in found.items()}


def read_line(line: str) -> tuple[int, dict[str, float]] | None:
    """Parse a line of `observers.MetricsLog`.

    Returns:
        The step and the metrics by name, or None if the line is not a JSON object with a step,
        such as the last line of a run that was killed.
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
    """Return the name of a step's files and folders, without a suffix."""
    return f"step-{step:08d}"


def step_files(folder: Path, suffix: str) -> dict[int, Path]:
    """Find the files in a folder that are named after a step, see `step_name`.

    Args:
        folder: The folder, which may be missing.
        suffix: Suffix of the files, including the dot.

    Returns:
        The paths by step, ascending.
    """
    named = ((re.fullmatch(r"step-(\d+)", p.stem), p) for p in folder.glob(f"step-*{suffix}"))
    return dict(sorted((int(match[1]), path) for match, path in named if match))
