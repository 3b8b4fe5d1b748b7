"""The list, kept beside translations, of what was written, what failed, and how it was made."""

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


class Manifest:
    """The `manifest.jsonl` of a folder: one JSON object a line.

    The first line holds what all translations in the folder have in common. Each further line is
    about one file: `source` with its `bytes` and when it was `modified` (nanoseconds), `output`
    and its `written_bytes`; or `source` and the `error`. A line is added when its file is
    complete, so what is listed is done, and a last line that was cut off is as good as none.

    Args:
        folder: Where translations are written; made if needed.
        made_by: What they have in common, as JSON can hold it.
        overwrite: Whether what was made otherwise is removed.

    Raises:
        UserError: If the folder holds what was made otherwise, unless it may be overwritten.
    """

    def __init__(self, folder: Path, made_by: Mapping[str, Any], overwrite: bool = False) -> None:
        self._folder, self._path = folder, folder / NAME
        self._entries: dict[str, dict[str, Any]] = {}
        before, entries = self._read()
        if overwrite:
            self._remove(entries)
        elif before is not None and before != made_by:
            raise UserError(
                f"{folder} holds translations made otherwise: {_differences(before, made_by)}. "
                "Give --overwrite to replace them, or another --output"
            )
        else:
            self._entries = entries
        # Failures are tried again, and what is listed twice was replaced.
        lines = [{"made_by": dict(made_by)}, *self._entries.values()]
        write_atomically(self._path, "".join(json.dumps(line) + "\n" for line in lines))
        self._file = self._path.open("a")

    def is_done(self, source: str, path: Path) -> bool:
        """Whether a file, as it is now, has a complete translation.

        Args:
            source: Its name.
            path: Where it lies.
        """
        entry = self._entries.get(source)
        if entry is None or {**entry, **_state(path)} != entry:
            return False
        output = self._folder / entry["output"]
        return output.is_file() and output.stat().st_size == entry["written_bytes"]

    def add(self, source: str, path: Path, output: Path, **facts: Any) -> None:
        """Lists a translation that is complete.

        Args:
            source: The file's name.
            path: Where it lies.
            output: The translation, relative to the folder.
            **facts: What else is to be known of it.
        """
        size = (self._folder / output).stat().st_size
        written = {"output": output.as_posix(), "written_bytes": size}
        self._append({"source": source, **_state(path), **written, **facts})

    def add_failure(self, source: str, error: str) -> None:
        """Lists a file that could not be translated."""
        self._append({"source": source, "error": error})

    def close(self) -> None:
        """Ends the list."""
        self._file.close()

    def _append(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def _read(self) -> tuple[Any, dict[str, dict[str, Any]]]:
        """Returns the first line, and the latest of each file that was translated."""
        if not self._path.exists():
            return None, {}
        lines = []
        for line in self._path.read_text().splitlines():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:
                _log.warning("%s: a line cannot be read and is left out", self._path)
        if not lines or not isinstance(lines[0], dict) or "made_by" not in lines[0]:
            raise UserError(f"{self._path} is no list of translations; choose another --output")
        return lines[0]["made_by"], {e["source"]: e for e in lines[1:] if "output" in e}

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
