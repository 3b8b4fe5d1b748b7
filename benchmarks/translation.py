"""Benchmarks translating a folder against a plain PyTorch loop, alternating on one machine.

    python benchmarks/translation.py --output=docs/measurements

Our side does the same as `python -m cyclegan_tf.translate` on a folder. The other side is a loop
over the same files: Pillow reads, the tests' reference translates (`pip install '.[torch]'`),
Pillow writes PNG; one by one and in batches, with contiguous and channels-last tensors, of which
the fastest counts. Each side is a separate process; they take turns, and medians over the rounds
are compared. Startup and a first round, which builds the graphs, are excluded.
"""

import itertools
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags
from PIL import Image
from turns import Worker, serve, take_turns, write

_ROUNDS = flags.DEFINE_integer("rounds", 5, "Timed rounds, after one warm-up round.")
_THREADS = flags.DEFINE_integer("threads", 2, "CPU threads of each side's network.")
_OUTPUT = flags.DEFINE_string("output", "", "Folder for translation.json (optional).")
_CASES = flags.DEFINE_list("cases", ["128", "256", "small"], "Names of the cases.")
_SIDE = flags.DEFINE_string("side", "", "Internal: the side that this process runs.")
_CASE = flags.DEFINE_string("case", "", "Internal: the case that this process runs.")
_FOLDER = flags.DEFINE_string("folder", "", "Internal: the folder of the files.")

OURS, TASK = "ours", "translate"
SIDES = (OURS, "contiguous 1", "contiguous 8", "channels_last 1", "channels_last 8")

Translate = Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    """A number of images of `size` px, and a network of `blocks` blocks with `filters` filters."""

    size: int
    blocks: int
    filters: int
    pictures: int


CASES = {
    "128": Case(128, 6, 64, 16),
    "256": Case(256, 9, 64, 8),
    "small": Case(64, 6, 8, 256),
}


def main(_: list[str]) -> None:
    if _SIDE.value:
        serve_side(_SIDE.value, CASES[_CASE.value], Path(_FOLDER.value))
        return
    rows = []
    for name in _CASES.value:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(name, CASES[name], Path(folder)))
        print(json.dumps(rows[-1]), flush=True)
    if _OUTPUT.value:
        write(rows, _OUTPUT.value, __file__)


def measure(name: str, case: Case, folder: Path) -> dict[str, Any]:
    """Run all sides in turn on a case, and compare their medians."""
    draw(case, folder / "in")
    workers = {
        side: Worker(__file__, _THREADS.value, side=side, case=name, folder=str(folder))
        for side in SIDES
    }
    taken = take_turns(workers, dict.fromkeys(workers, [TASK]), _ROUNDS.value)
    seconds = {side: times[TASK] for side, times in taken.items()}
    for worker in workers.values():
        worker.finish()
    median = {side: statistics.median(times) for side, times in seconds.items()}
    best = min(SIDES[1:], key=lambda side: median[side])
    return {
        "case": name,
        **asdict(case),
        "threads": _THREADS.value,
        "images_per_second": {side: case.pictures / median[side] for side in SIDES},
        "pytorch_best": best,
        "ratio": median[best] / median[OURS],
        "ratio_by_round": [b / a for a, b in zip(seconds[OURS], seconds[best], strict=True)],
    }


def draw(case: Case, folder: Path) -> None:
    """Generate smooth images with some noise, which PNG compresses like photographs."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(case.pictures):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3)).astype(np.uint8))
        smooth = np.asarray(coarse.resize((case.size, case.size), Image.Resampling.BICUBIC))
        noisy = np.clip(smooth + rng.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{number:04}.png")


def serve_side(side: str, case: Case, folder: Path) -> None:
    """Translate the folder to a new output folder on every request."""
    if side == OURS:
        translate = ours(case, folder / "in")
    else:
        layout, batch = side.split()
        translate = pytorch(case, folder / "in", layout, int(batch))
    places = (folder / f"{side} {number}" for number in itertools.count())
    serve({TASK: lambda: translate(next(places))}, {TASK: 1}, dict)


def ours(case: Case, source: Path) -> Translate:
    """Prepare our side."""
    from cyclegan_tf.cli import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    from cyclegan_tf.ledger import Ledger
    from cyclegan_tf.models.generators import resnet_generator
    from cyclegan_tf.translation.job import Job
    from cyclegan_tf.translation.options import TranslationOptions
    from cyclegan_tf.translation.pictures import PictureTranslator
    from cyclegan_tf.translation.tasks import find_tasks

    tf.config.threading.set_intra_op_parallelism_threads(_THREADS.value)
    tf.config.threading.set_inter_op_parallelism_threads(_THREADS.value)
    options = TranslationOptions()
    generator = resnet_generator(case.blocks, filters=case.filters)
    network = PictureTranslator(generator, options)

    def translate(output: Path) -> None:
        tasks, failures, _ = find_tasks(source, options.output_format)
        with closing(Ledger(output, {})) as ledger:
            job = Job(network, options, output, None, ledger, progress=False)
            if job.run(tasks, failures).written != case.pictures:
                raise RuntimeError("some images were not translated")

    return translate


def pytorch(case: Case, source: Path, layout: str, batch: int) -> Translate:
    """Prepare the other side: a plain loop in PyTorch."""
    import torch

    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    import pytorch_reference as reference

    torch.set_num_threads(_THREADS.value)
    memory = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}[layout]
    network = reference.ResnetGenerator(case.blocks, filters=case.filters)
    network = network.eval().to(memory_format=memory)

    def translate(output: Path) -> None:
        output.mkdir()
        names = sorted(path.name for path in source.iterdir())
        with torch.inference_mode():
            for start in range(0, len(names), batch):
                some = names[start : start + batch]
                loaded = [np.asarray(Image.open(source / name).convert("RGB")) for name in some]
                images = torch.from_numpy(np.stack(loaded)).permute(0, 3, 1, 2)
                images = (images.float() / 127.5 - 1).contiguous(memory_format=memory)
                levels = ((network(images) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
                for name, pixels in zip(some, levels.permute(0, 2, 3, 1).numpy(), strict=True):
                    Image.fromarray(np.ascontiguousarray(pixels)).save(output / name)

    return translate


if __name__ == "__main__":
    app.run(main)
