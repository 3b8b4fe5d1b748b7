"""Translates files; reading and writing overlap with the network."""

import itertools
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cyclegan_tf.errors import UserError
from cyclegan_tf.images.headers import Header
from cyclegan_tf.images.images import UnreadableImageError, read_image, write_image
from cyclegan_tf.images.sheets import grid
from cyclegan_tf.ledger import Ledger
from cyclegan_tf.progress import progress_bar
from cyclegan_tf.threads import in_order
from cyclegan_tf.translation.clips import convert_clip, count_frames
from cyclegan_tf.translation.flicker import Flicker, smoother
from cyclegan_tf.translation.options import TranslationOptions
from cyclegan_tf.translation.pictures import PictureTranslator
from cyclegan_tf.translation.tasks import Task, in_batches

_log = logging.getLogger(__name__)

# Maximum pixels buffered between disk and network, in each direction.
_WAITING = 16 * 1024**2
# Overhead of a file, in pixels; limits the number of small files in the buffer.
_EACH = 64 * 1024
_THREADS = 4


@dataclass
class Translated:
    """Outcome of a translation job.

    Attributes:
        written: Number of translations written.
        skipped: Number of files skipped because they were translated before.
        failures: Reasons of failed files by name.
        flicker: Flicker ratio of each clip by name, see `translation.flicker.Flicker`.
    """

    written: int = 0
    skipped: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    flicker: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class _Pair:
    """An image and its translation, to be written."""

    task: Task
    image: np.ndarray
    translated: np.ndarray


class Job:
    """Translates files that are not translated yet.

    Args:
        network: Translates images.
        options: How files are written and clips smoothed.
        output: Folder for translations.
        sheets: Folder for sheets of input and translation, or None.
        ledger: Records finished and failed files.
        progress: Whether to show a progress bar.
    """

    def __init__(
        self,
        network: PictureTranslator,
        options: TranslationOptions,
        output: Path,
        sheets: Path | None,
        ledger: Ledger,
        progress: bool,
    ) -> None:
        self._network, self._options = network, options
        self._output, self._sheets, self._ledger = output, sheets, ledger
        self._result = Translated()
        self._quiet = not progress

    def run(self, tasks: Sequence[Task], failures: dict[str, str]) -> Translated:
        """Translate tasks.

        Args:
            tasks: Files to translate.
            failures: Reasons of unreadable files by name, to be recorded.

        Raises:
            UserError: If an image cannot be written in the output format.
            OSError: If the output cannot be written, for example on a full disk.
        """
        todo = {task.name for task in tasks if not self._is_done(task)}
        self._result.skipped = len(tasks) - len(todo)
        if self._result.skipped:
            _log.info(
                "%d of %d files skipped, already translated", self._result.skipped, len(tasks)
            )
        count = len(todo) + len(failures)
        with progress_bar(
            total=count, desc="translating", unit="file", shown=not self._quiet
        ) as self._bar:
            for name, reason in failures.items():
                self._fail(name, reason)
            self._translate_images([task for task in tasks if not task.is_clip], todo)
            for task in tasks:
                if task.is_clip and task.name in todo:
                    self._translate_clip(task)
        return self._result

    def _translate_images(self, tasks: Sequence[Task], todo: set[str]) -> None:
        batches = in_batches(tasks, self._network.batch_size)
        batches = [batch for batch in batches if any(task.name in todo for task in batch)]
        readers, writers = ThreadPoolExecutor(_THREADS), ThreadPoolExecutor(_THREADS)
        try:
            files = itertools.chain(*batches)
            images = in_order(readers, self._read, files, _cost, _WAITING, ahead=True)
            pairs = self._translated(batches, images, todo)
            for pair in in_order(
                writers, self._write, pairs, lambda p: _cost(p.task), _WAITING, ahead=False
            ):
                self._succeed(pair.task)
        finally:
            readers.shutdown(cancel_futures=True)
            writers.shutdown(cancel_futures=True)

    def _read(self, task: Task) -> np.ndarray | UnreadableImageError:
        try:
            return read_image(task.path, self._network.channels)
        except UnreadableImageError as error:
            return error

    def _translated(
        self,
        batches: Sequence[Sequence[Task]],
        images: Iterator[np.ndarray | UnreadableImageError],
        todo: set[str],
    ) -> Iterator[_Pair]:
        for batch in batches:
            good: dict[Task, np.ndarray] = {}
            for task, image in zip(batch, itertools.islice(images, len(batch)), strict=True):
                if isinstance(image, UnreadableImageError):
                    self._fail(task.name, str(image))
                else:
                    good[task] = image
            try:
                results = self._network(list(good.values()))
            except UserError as error:
                for task in good:
                    self._fail(task.name, f"{task.path}: {error}")
                continue
            for (task, image), result in zip(good.items(), results, strict=True):
                if task.name in todo:
                    yield _Pair(task, image, result)

    def _write(self, pair: _Pair) -> _Pair:
        task, translated = pair.task, pair.translated
        header = task.header or Header(*translated.shape[:2])
        profile = header.profile_for(translated.shape[-1])
        path = self._output / task.target
        write_image(path, translated, self._options.quality, header.exif, profile)
        if sheet := self._sheet(task):
            write_image(sheet, grid([[pair.image, translated]], ["input", "translation"]))
        return pair

    def _translate_clip(self, task: Task) -> None:
        flicker = Flicker()
        try:
            with progress_bar(
                total=count_frames(task.path),
                desc=task.name,
                unit="frame",
                leave=False,
                shown=not self._quiet,
            ) as bar:

                def process(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
                    for frame, translated in self._smoothed(frames):
                        flicker.see(frame, translated)
                        bar.update()
                        yield translated

                target = self._output / task.target
                convert_clip(task.path, target, self._network.channels, process)
        except UserError as error:
            self._fail(task.name, str(error))
            return
        self._result.flicker[task.name] = flicker.ratio
        self._succeed(task, flicker=flicker.ratio)

    def _smoothed(self, frames: Iterator[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield frames and their translations."""
        smoothed = smoother(self._options.smoothing)
        for first in frames:
            count = self._network.batch_size(first.shape[0] * first.shape[1])
            batch = [first, *itertools.islice(frames, count - 1)]
            for frame, translated in zip(batch, self._network(batch), strict=True):
                yield frame, smoothed(frame, translated)

    def _is_done(self, task: Task) -> bool:
        sheet = self._sheet(task)
        complete = sheet is None or sheet.is_file()
        return complete and self._ledger.is_done(task.name, task.path)

    def _sheet(self, task: Task) -> Path | None:
        if self._sheets is None or task.is_clip:
            return None
        return self._sheets / task.target.with_suffix(".png")

    def _succeed(self, task: Task, **facts: Any) -> None:
        self._ledger.add_output(task.name, task.path, task.target, **facts)
        self._result.written += 1
        self._bar.update()

    def _fail(self, name: str, reason: str) -> None:
        self._ledger.add_failure(name, reason)
        self._result.failures[name] = reason
        self._bar.update()


def _cost(task: Task) -> int:
    return task.area + _EACH
