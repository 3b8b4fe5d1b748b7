"""Observers of training: progress bar, metrics log, clock, TensorBoard and sample images."""

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import tensorflow as tf

from cyclegan_tf.errors import reason
from cyclegan_tf.files import naming, write_atomically
from cyclegan_tf.images.images import write_image
from cyclegan_tf.progress import progress_bar
from cyclegan_tf.training.records import read_clock, read_line, step_name

Metrics = dict[str, float]


class Observer(Protocol):
    """Interface of an observer, which is called after every step."""

    def after_step(self, step: int, metrics: Metrics) -> None:
        """Handle the end of a step: `step` steps are done; `metrics` are of the last one."""

    def close(self) -> None:
        """Release resources; called once, however the run ends."""


class ProgressBar:
    """Shows a progress bar with the losses, images per second and the time left.

    Args:
        start_step: Steps taken before.
        stop_step: Step at which the run ends.
        batch_size: Images of each domain per step.
    """

    _SHOWN = {
        "G": "generator_loss",
        "D_a": "discriminator_loss_a",
        "D_b": "discriminator_loss_b",
        "D": "discriminator_loss",
        "cycle_a": "cycle_loss_a",
        "cycle_b": "cycle_loss_b",
        "L1": "l1_loss",
    }

    def __init__(self, start_step: int, stop_step: int, batch_size: int) -> None:
        self._bar = progress_bar(
            total=stop_step, initial=start_step, unit="step", desc="training", smoothing=0.05
        )
        self._speed = _Speed(batch_size)

    def after_step(self, step: int, metrics: Metrics) -> None:
        present = {label: name for label, name in self._SHOWN.items() if name in metrics}
        shown = {label: f"{metrics[name]:.3f}" for label, name in present.items()}
        speed = f"{self._speed.after_step():.1f}"
        self._bar.set_postfix({**shown, "images/s": speed}, refresh=False)
        self._bar.update()

    def close(self) -> None:
        self._bar.close()


class MetricsLog:
    """Appends one JSON object per line to a file: `step` and the metrics of that step.

    Args:
        path: The file. Damaged lines are dropped, and so are lines after `start_step`, left by a
            run that was killed after its last checkpoint: no step appears twice.
        start_step: Steps taken before.
        every: Steps between lines.
    """

    def __init__(self, path: Path, start_step: int, every: int) -> None:
        self._every = every
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        rows = ((line, read_line(line)) for line in text.splitlines())
        kept = [line for line, row in rows if row and row[0] <= start_step]
        write_atomically(path, "".join(f"{line}\n" for line in kept))
        self._path = path

    def after_step(self, step: int, metrics: Metrics) -> None:
        if step % self._every == 0:
            # JSON has no infinity; with loss scaling, a gradient norm may be infinite.
            finite = {k: v if math.isfinite(v) else None for k, v in metrics.items()}
            line = json.dumps({"step": step, **finite}, allow_nan=False) + "\n"
            with naming(self._path), self._path.open("a") as file:
                file.write(line)

    def close(self) -> None:
        pass


class Clock:
    """Records the training time of a run in a JSON file: `step`, `seconds` and `device`.

    Seconds are wall-clock time of the loop, including observers and checkpoints, summed over all
    resumptions of the run and including steps that were lost.

    Args:
        path: The file.
        start_step: Steps taken before; 0 resets the clock.
        every: Steps between writes; it is also written at the end.
        device: Name of the device.
    """

    def __init__(self, path: Path, start_step: int, every: int, device: str) -> None:
        self._path, self._step, self._every, self._device = path, start_step, every, device
        before = read_clock(path) if start_step else None
        self._start = time.monotonic() - (before["seconds"] if before else 0.0)

    def after_step(self, step: int, metrics: Metrics) -> None:
        self._step = step
        if step % self._every == 0:
            self._write()

    def close(self) -> None:
        self._write()

    def _write(self) -> None:
        seconds = round(time.monotonic() - self._start, 1)
        about = {"step": self._step, "seconds": seconds, "device": self._device}
        write_atomically(self._path, json.dumps(about) + "\n")


def tensorboard_writer(folder: Path) -> tf.summary.SummaryWriter:
    """Create a summary writer for a TensorBoard folder.

    Raises:
        OSError: If the folder cannot be written.
    """
    with _like_a_file():
        return tf.summary.create_file_writer(str(folder))


class TensorBoardLog:
    """Writes the metrics, the learning rate and the speed as TensorBoard scalars.

    Args:
        writer: Summary writer; closed with the observer.
        every: Steps between points.
        batch_size: Images of each domain per step.
        learning_rate: Returns the current learning rate.
    """

    def __init__(
        self,
        writer: tf.summary.SummaryWriter,
        every: int,
        batch_size: int,
        learning_rate: Callable[[], float],
    ) -> None:
        self._writer = writer
        self._every = every
        self._speed = _Speed(batch_size)
        self._learning_rate = learning_rate

    def after_step(self, step: int, metrics: Metrics) -> None:
        images_per_second = self._speed.after_step()
        if step % self._every == 0:
            extra = {"images_per_second": images_per_second, "learning_rate": self._learning_rate()}
            with _writing(self._writer, step):
                for name, value in {**metrics, **extra}.items():
                    tf.summary.scalar(name, np.asarray(value, np.float32))

    def close(self) -> None:
        with _like_a_file():
            self._writer.close()


class SamplePictures:
    """Writes sheets with translations of a few fixed images, as files and to TensorBoard.

    Args:
        folder: Folder of the files `step-NNNNNNNN.png`.
        every: Steps between sheets.
        draw: Renders the sheet, uint8 `(height, width, 3)`.
        writer: Summary writer of TensorBoard.
    """

    def __init__(
        self,
        folder: Path,
        every: int,
        draw: Callable[[], np.ndarray],
        writer: tf.summary.SummaryWriter,
    ) -> None:
        self._folder = folder
        self._every = every
        self._draw = draw
        self._writer = writer

    def after_step(self, step: int, metrics: Metrics) -> None:
        if step % self._every == 0:
            self.show(step)

    def show(self, step: int) -> None:
        """Render and write the sheet of a step now."""
        sheet = self._draw()
        write_image(self._folder / f"{step_name(step)}.png", sheet)
        with _writing(self._writer, step):
            tf.summary.image("samples", sheet[np.newaxis])

    def close(self) -> None:
        pass


@contextlib.contextmanager
def _writing(writer: tf.summary.SummaryWriter, step: int) -> Iterator[None]:
    """Direct `tf.summary` to a writer at a step.

    Pass arrays, not Python numbers: TensorFlow caches a tensor for each Python number forever,
    which would fill the memory in a long run.
    """
    with _like_a_file(), writer.as_default(step=np.asarray(step, np.int64)):
        yield


@contextlib.contextmanager
def _like_a_file() -> Iterator[None]:
    """Convert errors of TensorBoard's writer to `OSError`."""
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(f"TensorBoard's logs: {reason(error)}") from error


class _Speed:
    """Measures images per second, smoothed over about twenty steps."""

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._last: float | None = None
        self._seconds: float | None = None

    def after_step(self) -> float:
        """Return the speed, or 0 after the first step, which includes compilation."""
        now = time.monotonic()
        last, self._last = self._last, now
        if last is None:
            return 0.0
        before = now - last if self._seconds is None else self._seconds
        self._seconds = before + 0.05 * (now - last - before)
        return self._batch_size / max(self._seconds, 1e-9)
