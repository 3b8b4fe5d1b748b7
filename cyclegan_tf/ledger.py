"""Resumable work on files: a list of successes and failures, stored next to the results."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cyclegan_tf.errors import UserError
from cyclegan_tf.files import write_atomically

_log = logging.getLogger(__name__)

NAME = "manifest.jsonl"


class Ledger:
    """The `manifest.jsonl` of an output folder: one JSON object a line.

    The first line, `made_by`, holds the settings that all results share. Each further line is about
    one input file: its name (`source`), size (`bytes`) and modification time (`modified`, in
    nanoseconds), followed by facts about its result or by the `error`. A line is written after the
    result is complete, so a process that is killed loses at most the file it was working on.

    Args:
        folder: Output folder; created if needed.
        made_by: Settings that results share; values must survive a round trip through JSON.
        results: Name of the results in errors, such as `translations`.
        overwrite: Whether to remove results that were made with other settings. None if the caller
            does not offer this.

    Attributes:
        entries: The latest line of each input file that succeeded, by its name.

    Raises:
        UserError: If the folder holds results made with other settings and `overwrite` is not set,
            or if its `manifest.jsonl` is something else.
    """

    def __init__(
        self,
        folder: Path,
        made_by: Mapping[str, Any],
        results: str = "results",
        overwrite: bool | None = None,
    ) -> None:
        self._folder, self._path = folder, folder / NAME
        before, entries = self._read(results)
        if overwrite:
            self._remove(entries)
            entries = {}
        elif before is not None and before != made_by:
            replace = "" if overwrite is None else "give `overwrite` to replace them, or "
            raise UserError(
                f"{folder} holds {results} made with other settings: "
                f"{_differences(before, made_by)}; {replace}choose another `output`"
            )
        self.entries = entries
        # Failures and superseded lines are dropped, so that failed files are retried.
        lines = [{"made_by": dict(made_by)}, *entries.values()]
        write_atomically(self._path, "".join(json.dumps(line) + "\n" for line in lines))
        self._file = self._path.open("a")

    def is_done(self, source: str, path: Path) -> bool:
        """Return whether an input file, in its present state, has a complete result.

        Args:
            source: Name of the input file.
            path: Its location.
        """
        entry = self.entries.get(source)
        if entry is None or {**entry, **_state(path)} != entry:
            return False
        if "written_bytes" not in entry:
            return True
        output = self._folder / entry["output"]
        return output.is_file() and output.stat().st_size == entry["written_bytes"]

    def add(self, source: str, path: Path, **facts: Any) -> None:
        """List an input file, after its result is complete.

        Args:
            source: Name of the input file.
            path: Its location.
            **facts: Facts about its result, or the `error`.
        """
        self._append(source, {**_state(path), **facts})

    def add_output(self, source: str, path: Path, output: Path, **facts: Any) -> None:
        """List an input file with the one file made from it.

        Args:
            source: Name of the input file.
            path: Its location.
            output: The complete result, relative to the folder.
            **facts: Further facts to store.
        """
        size = (self._folder / output).stat().st_size
        self.add(source, path, output=output.as_posix(), written_bytes=size, **facts)

    def add_failure(self, source: str, error: str) -> None:
        """List the failure of an input file, which may no longer exist."""
        self._append(source, {"error": error})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, source: str, facts: Mapping[str, Any]) -> None:
        entry = {"source": source, **facts}
        if "error" not in entry:
            self.entries[source] = entry
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()

    def _read(self, results: str) -> tuple[Any, dict[str, dict[str, Any]]]:
        """Return the first line, and the latest line of each input file that succeeded."""
        if not self._path.exists():
            return None, {}
        lines = []
        for line in self._path.read_text().splitlines():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:
                _log.warning("%s: skipped a line that is not JSON", self._path)
        if not lines or not isinstance(lines[0], dict) or "made_by" not in lines[0]:
            raise UserError(f"{self._path} is not a list of {results}; choose another `output`")
        return lines[0]["made_by"], {e["source"]: e for e in lines[1:] if "error" not in e}

    def _remove(self, entries: Mapping[str, Mapping[str, Any]]) -> None:
        root = self._folder.resolve()
        for entry in entries.values():
            output = (root / entry["output"]).resolve()
            if output.is_relative_to(root):
                output.unlink(missing_ok=True)


def _state(path: Path) -> dict[str, int]:
    state = os.stat(path)
    return {"bytes": state.st_size, "modified": state.st_mtime_ns}


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return ", ".join(f"{name} {before.get(name)}, not {now.get(name)}" for name in names)
