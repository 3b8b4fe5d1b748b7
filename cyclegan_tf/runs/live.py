"""Training from a notebook: a process of its own, whose samples are shown while it goes on."""

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
    """Trains or continues a run by the command `train`, and shows it below a notebook's cell.

    Shown are the step, the time it took, and the latest sample pictures. The process leaves
    nothing behind in this one: no memory, no settings of TensorFlow.

    Interrupting the notebook stops the training after a checkpoint.

    Args:
        workdir: Folder of the run.
        options: As on the command line, such as `--data=photos`.
        refresh: Seconds between looks.

    Raises:
        UserError: If training fails, with what it said last; or IPython is missing.
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
            # Notebooks interrupt their processes, too: it is writing its checkpoint.
            process.wait()
            raise
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        if process.returncode:
            messages.seek(0)
            said = messages.read().strip().splitlines()
            raise UserError(said[-1] if said else f"training ended with {process.returncode}")


def _screen() -> Any:
    """Returns IPython's module for what is shown below a cell."""
    try:
        from IPython import display
    except ImportError as error:
        raise UserError(
            "training is shown by IPython, which is missing: pip install '.[notebooks]'"
        ) from error
    return display


def _watch(process: "subprocess.Popen[Any]", files: Workdir, refresh: float, screen: Any) -> None:
    """Shows what a run writes until its process has ended."""
    starting = screen.Markdown("starting")
    progress, sheet = (screen.display(starting, display_id=True) for _ in range(2))
    newest, ended = None, False
    while not ended:
        # Asked first, so that what was written last is looked at, too.
        ended = process.poll() is not None
        if clock := read_clock(files.clock):
            text = "step {step}, {seconds:.0f} s on {device}".format(**clock)
            progress.update(screen.Markdown(text))
        samples = step_files(files.samples, ".png")
        if samples and (latest := max(samples)) != newest:
            newest = latest
            # Notebooks keep what they show, and of noise PNG is large.
            jpeg = encode_jpeg(read_image(samples[latest]))
            sheet.update(screen.Image(data=jpeg, format="jpeg"))
        if not ended:
            time.sleep(refresh)
