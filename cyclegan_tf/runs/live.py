"""Training from a notebook, in a separate process whose progress and samples are displayed."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import encode_jpeg, read_image
from cyclegan_tf.runs.workdir import Workdir
from cyclegan_tf.training.records import read_clock, step_files


def train_live(workdir: str | Path, options: Iterable[str], refresh: float = 1.0) -> None:
    """Start or resume a run with the command `train`, and display it below a notebook cell.

    Displays the step, the training time and the latest samples. Training runs in a separate
    process, so it does not affect the memory or the TensorFlow settings of the notebook.
    Interrupting the cell stops training after a checkpoint is written.

    Args:
        workdir: Folder of the run.
        options: Flags of the command line, such as `--data=photos`.
        refresh: Interval between updates, in seconds.

    Raises:
        UserError: If training fails, with its last message; or if IPython is missing.
    """
    screen = _screen()
    files = Workdir(Path(workdir))
    files.root.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "cyclegan_tf.train", f"--workdir={workdir}", *options]
    with tempfile.TemporaryFile("w+") as messages:
        process = subprocess.Popen(command, stdout=messages, stderr=subprocess.STDOUT)
        try:
            _watch(process, files, refresh, screen)
        except KeyboardInterrupt:
            # The notebook interrupts the process too; wait until it has written its checkpoint.
            process.wait()
            raise
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        if process.returncode:
            messages.seek(0)
            said = messages.read().strip().splitlines()
            raise UserError(said[-1] if said else f"training exited with {process.returncode}")


def _screen() -> Any:
    """Return IPython's display module."""
    try:
        from IPython import display
    except ImportError as error:
        raise UserError(
            "live training needs IPython, which is missing: pip install 'cyclegan_tf[notebooks]'"
        ) from error
    return display


def _watch(process: "subprocess.Popen[Any]", files: Workdir, refresh: float, screen: Any) -> None:
    """Display the progress of a run until its process exits."""
    starting = screen.Markdown("starting")
    progress, sheet = (screen.display(starting, display_id=True) for _ in range(2))
    newest, ended = None, False
    while not ended:
        # Poll before reading, so that the last files are displayed too.
        ended = process.poll() is not None
        if clock := read_clock(files.clock):
            text = "step {step}, {seconds:.0f} s on {device}".format(**clock)
            progress.update(screen.Markdown(text))
        samples = step_files(files.samples, ".png")
        if samples and (latest := max(samples)) != newest:
            newest = latest
            # Notebooks store what they display, and noisy samples are large as PNG.
            jpeg = encode_jpeg(read_image(samples[latest]))
            sheet.update(screen.Image(data=jpeg, format="jpeg"))
        if not ended:
            time.sleep(refresh)
