"""The list, kept beside crops, of where each comes from; what is listed is done."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cyclegan_tf.errors import UserError
from cyclegan_tf.files import write_atomically

NAME = "manifest.jsonl"


class CropList:
    """The `manifest.jsonl` of a folder of crops: one JSON object a line.

    The first line says how all of them are made. Each further line is about one picture, added
    when all of its crops are written: `source`, its `bytes` and when it was `modified`
    (nanoseconds), and `faces`; or the `error`.

    Args:
        folder: Where crops are written; made if needed.
        made_by: How they are made, as JSON can hold it.

    Raises:
        UserError: If the folder holds crops made otherwise.
    """

    def __init__(self, folder: Path, made_by: Mapping[str, Any]) -> None:
        self._path = folder / NAME
        self.entries: dict[str, dict[str, Any]] = {}
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        before, *entries = (_parsed(line) for line in [*lines, ""])
        if lines and before.get("made_by") != made_by:
            raise UserError(
                f"{folder} holds crops that are made otherwise, by {before.get('made_by')}; give "
                "another --output"
            )
        # A last line that was cut off is as good as none, and failures are tried again.
        self.entries = {entry["source"]: entry for entry in entries if "faces" in entry}
        self._rewrite(made_by)
        self._file = self._path.open("a")

    def is_done(self, source: str, path: Path) -> bool:
        """Whether a file, as it is now, is listed."""
        entry = self.entries.get(source)
        return entry is not None and {**entry, **_state(path)} == entry

    def add(self, source: str, path: Path, **facts: Any) -> None:
        """Lists a file, whose crops have to be complete."""
        entry = {"source": source, **_state(path), **facts}
        self.entries[source] = entry
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Ends the list."""
        self._file.close()

    def _rewrite(self, made_by: Mapping[str, Any]) -> None:
        lines = [{"made_by": dict(made_by)}, *self.entries.values()]
        write_atomically(self._path, "".join(json.dumps(line) + "\n" for line in lines))


def _parsed(line: str) -> dict[str, Any]:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return {}


def _state(path: Path) -> dict[str, int]:
    state = os.stat(path)
    return {"bytes": state.st_size, "modified": state.st_mtime_ns}
