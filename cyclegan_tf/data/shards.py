"""Records in files of bounded size (ArrayRecord): written in sequence, read by number."""

import bisect
import importlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from cyclegan_tf.errors import UserError

# One record per group allows access by number; images are already compressed.
_WRITER_OPTIONS = "group_size:1,uncompressed"
# Read in the calling thread: on a busy machine, waiting for a reader thread takes longer.
_READER_OPTIONS = {"max_parallelism": "0"}


@dataclass(frozen=True)
class Shard:
    """A file of records.

    Attributes:
        file: Its name, without the folder.
        bytes: Its size.
        records: Number of records in it.
    """

    file: str
    bytes: int
    records: int


class ShardWriter:
    """Writes records to `NAME-00000.array_record` and so on; a context manager.

    Args:
        folder: Output folder.
        name: Prefix of the file names.
        max_bytes: Maximum bytes of records in a file. A larger record gets a file of its own.

    Raises:
        UserError: If the package array_record is missing.
        OSError: On exit, if the last file cannot be written.
    """

    def __init__(self, folder: Path, name: str, max_bytes: int) -> None:
        self.shards: list[Shard] = []
        self._folder, self._name, self._max_bytes = folder, name, max_bytes
        self._module = _array_record("array_record_module")
        self._writer: Any = None
        self._records = self._bytes = 0

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._end()

    def add(self, record: bytes) -> None:
        """Write a record.

        Raises:
            OSError: If this record or an earlier one cannot be written.
        """
        if self._records and self._bytes + len(record) > self._max_bytes:
            self._end()
        try:
            if self._writer is None:
                self._writer = self._module.ArrayRecordWriter(str(self._path), _WRITER_OPTIONS)
            self._writer.write(record)
        except RuntimeError as error:
            raise self._failure(error) from error
        self._records += 1
        self._bytes += len(record)

    @property
    def _path(self) -> Path:
        """Path of the current file."""
        return self._folder / f"{self._name}-{len(self.shards):05d}.array_record"

    def _end(self) -> None:
        if self._writer is None:
            return
        try:
            self._writer.close()
        except RuntimeError as error:
            raise self._failure(error) from error
        path = self._path
        self.shards.append(Shard(path.name, path.stat().st_size, self._records))
        self._writer, self._records, self._bytes = None, 0, 0

    def _failure(self, error: RuntimeError) -> OSError:
        """Convert an error of ArrayRecord to one line that names the file and the cause."""
        return OSError(f"cannot write {self._path}: {str(error).split(';')[0]}")


class _WholeFile(NamedTuple):
    """A file and its record range, in the form that lets ArrayRecord open it lazily."""

    filename: str
    skip: int
    take: int
    examples_in_shard: int


class Records:
    """The records of shards, by number; files are opened at their first read.

    Args:
        folder: Folder of the shards.
        shards: The shards, in order.

    Raises:
        UserError: If a shard is missing or has the wrong size, or array_record is missing.
    """

    def __init__(self, folder: Path, shards: Sequence[Shard]) -> None:
        self._paths = [folder / shard.file for shard in shards]
        self._ends = list(itertools.accumulate(shard.records for shard in shards))
        for path, shard in zip(self._paths, shards, strict=True):
            found = path.stat().st_size if path.is_file() else None
            if found != shard.bytes:
                has = "is missing" if found is None else f"has {found} bytes"
                raise UserError(
                    f"{path} {has}, expected {shard.bytes} bytes; copy or pack the data set again"
                )
        self._source = _array_record("array_record_data_source").ArrayRecordDataSource(
            [
                _WholeFile(str(path), 0, shard.records, shard.records)
                for path, shard in zip(self._paths, shards, strict=True)
            ],
            _READER_OPTIONS,
        )

    def __getitem__(self, number: int) -> bytes:
        """Return a record.

        Raises:
            RuntimeError: If its checksum does not match.
        """
        return self._source[number]

    def path(self, number: int) -> Path:
        """Return the path of the shard that holds a record."""
        return self._paths[bisect.bisect_right(self._ends, number)]


def _array_record(module: str) -> ModuleType:
    """Import a module of the package array_record, which some platforms lack."""
    try:
        return importlib.import_module(f"array_record.python.{module}")
    except ImportError as error:
        raise UserError(
            "packed data sets need the package array_record, available for Linux and for macOS on "
            "ARM: pip install array_record; or use the original folder"
        ) from error
