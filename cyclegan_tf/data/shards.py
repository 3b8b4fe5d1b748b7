"""Records in files of bounded size (ArrayRecord): written one after another, read by number."""

import bisect
import importlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from cyclegan_tf.errors import UserError

# Each record for itself, so that it is found by its number; pictures are compressed already.
_WRITER_OPTIONS = "group_size:1,uncompressed"
# In the thread that asks: on a busy machine, waiting for one of the reader takes longer than that.
_READER_OPTIONS = {"max_parallelism": "0"}


@dataclass(frozen=True)
class Shard:
    """A file of records.

    Attributes:
        file: Its name, without the folder.
        bytes: How long it is.
        records: How many it holds.
    """

    file: str
    bytes: int
    records: int


class ShardWriter:
    """Writes records to `NAME-00000.array_record` and so on; a context that ends the last one.

    Args:
        folder: Where to.
        name: What the files' names begin with.
        max_bytes: Most bytes of records in a file. A longer record has a file of its own.

    Raises:
        UserError: If the package array_record is missing.
        OSError: At the context's end, if the last file cannot be written.
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
        """Writes a record.

        Raises:
            OSError: If it, or one before it, cannot be written.
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
        """Of the file that is being written."""
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
        """Makes one line of what ArrayRecord says: what failed, where, and why."""
        return OSError(f"cannot write {self._path}: {str(error).split(';')[0]}")


class _WholeFile(NamedTuple):
    """Which records of a file to take, as ArrayRecord wants to be told so as not to open it."""

    filename: str
    skip: int
    take: int
    examples_in_shard: int


class Records:
    """The records of some shards, by number; files are opened when they are first read from.

    Args:
        folder: Where the shards lie.
        shards: In order.

    Raises:
        UserError: If one is missing or not as long as it was, or ArrayRecord is missing.
    """

    def __init__(self, folder: Path, shards: Sequence[Shard]) -> None:
        self._paths = [folder / shard.file for shard in shards]
        self._ends = list(itertools.accumulate(shard.records for shard in shards))
        for path, shard in zip(self._paths, shards, strict=True):
            found = path.stat().st_size if path.is_file() else None
            if found != shard.bytes:
                has = "is missing" if found is None else f"has {found} bytes"
                raise UserError(
                    f"{path} {has}, expected {shard.bytes} bytes: copy or pack the data set again"
                )
        self._source = _array_record("array_record_data_source").ArrayRecordDataSource(
            [
                _WholeFile(str(path), 0, shard.records, shard.records)
                for path, shard in zip(self._paths, shards, strict=True)
            ],
            _READER_OPTIONS,
        )

    def __getitem__(self, number: int) -> bytes:
        """Gives a record.

        Raises:
            RuntimeError: If it is damaged; ArrayRecord compares checksums.
        """
        return self._source[number]

    def path(self, number: int) -> Path:
        """Says in which file a record is."""
        return self._paths[bisect.bisect_right(self._ends, number)]


def _array_record(module: str) -> ModuleType:
    """Imports a module of the package array_record, which not every platform has."""
    try:
        return importlib.import_module(f"array_record.python.{module}")
    except ImportError as error:
        raise UserError(
            "packed data sets need the package array_record, which there is for Linux and for "
            "macOS on ARM: pip install array_record; or use the folder that was packed"
        ) from error
