"""Benchmarks a packed data set against the folder it was packed from, in alternating rounds.

Reports wall-clock and CPU seconds; on a machine with other load, CPU seconds are more reliable.

    python benchmarks/packed.py

The images are generated: 256 px as JPEG, and 64 px as PNG for the case of many small files. A round
drops the files from the page cache, opens the data and decodes every image once, as at the start
of a run. It then reads an epoch of batches without a cache, which decodes every image again.
"""

import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
from absl import app, flags
from PIL import Image

from cyclegan_tf.data.domain import Domain
from cyclegan_tf.data.geometry import Geometry
from cyclegan_tf.data.pipeline import epoch_steps, unpaired_dataset
from cyclegan_tf.data.sources import ImageSource, open_sources
from cyclegan_tf.images.images import write_image
from cyclegan_tf.preparation.options import PackOptions
from cyclegan_tf.preparation.pack import pack

_PICTURES = flags.DEFINE_integer("pictures", 1000, "Images per domain (64 px: twice as many).")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Timed rounds, after one warm-up round.")
_OUTPUT = flags.DEFINE_string("output", "", "JSON file for all timings (optional).")

# Suffix, side of the files in pixels, and the geometry in training.
_CASES = {
    "jpeg_256": (".jpg", 256, Geometry(load_size=143, crop_size=128)),
    "png_64": (".png", 64, Geometry(load_size=64, crop_size=64)),
}
_CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
_BATCH_SIZE = 4
_Result = TypeVar("_Result")


def main(_: list[str]) -> None:
    """Print medians and ratios of every case and phase."""
    everything = {}
    for case, (suffix, side, geometry) in _CASES.items():
        count = _PICTURES.value * (1 if side == 256 else 2)
        with tempfile.TemporaryDirectory() as folder:
            data = {"folder": Path(folder, "plain"), "packed": Path(folder, "packed")}
            _make(data["folder"], count, suffix, side)
            pack(data["folder"], data["packed"], PackOptions(), progress=False)
            os.sync()  # Dirty pages cannot be dropped from the cache.
            seconds: dict[str, list[float]] = defaultdict(list)
            for number in range(_ROUNDS.value + 1):
                for kind in list(data)[:: 1 if number % 2 else -1]:
                    for part, times in _round(data[kind], geometry).items():
                        for clock, took in times.items() if number else ():
                            seconds[f"{kind}_{part}_{clock}"].append(took)
        everything[case] = seconds
        for part in ("open", "first", "epoch"):
            print(f"{case}, {part}: " + "; ".join(_compared(seconds, part, k) for k in _CLOCKS))
    if _OUTPUT.value:
        Path(_OUTPUT.value).write_text(json.dumps(everything, indent=1) + "\n")


def _round(data: Path, geometry: Geometry) -> dict[str, dict[str, float]]:
    """Time opening, decoding all images once, and an epoch, in seconds."""
    _drop(data)
    opening, sources = _timed(lambda: open_sources(str(data)))
    if sources is None:
        raise RuntimeError("expected training data")

    def load(source: ImageSource) -> Domain:
        return Domain.load(source, geometry, cache_gb=0, name="train", progress=False)

    first, (a, b) = _timed(lambda: (load(sources.a), load(sources.b)))
    stream = unpaired_dataset(
        a,
        b,
        geometry=geometry,
        augment=("flip", "crop"),
        batch_size=_BATCH_SIZE,
        seed=0,
        stop_step=epoch_steps(a, b, _BATCH_SIZE),
    )
    epoch, _ = _timed(lambda: sum(1 for _ in stream))
    return {"open": opening, "first": first, "epoch": epoch}


def _timed(work: Callable[[], _Result]) -> tuple[dict[str, float], _Result]:
    start = {name: clock() for name, clock in _CLOCKS.items()}
    result = work()
    return {name: clock() - start[name] for name, clock in _CLOCKS.items()}, result


def _compared(seconds: Mapping[str, list[float]], part: str, clock: str) -> str:
    packed, plain = (seconds[f"{kind}_{part}_{clock}"] for kind in ("packed", "folder"))
    ratios = ", ".join(f"{one / other:.2f}" for one, other in zip(packed, plain, strict=True))
    medians = f"folder {statistics.median(plain):.4f} s, packed {statistics.median(packed):.4f} s"
    return f"{clock} {medians}, ratios by round {ratios}"


def _drop(folder: Path) -> None:
    """Ask the system to drop files from the page cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def _make(folder: Path, count: int, suffix: str, side: int) -> None:
    """Generate images of smooth noise."""
    generator = np.random.default_rng(0)
    for number in range(count):
        for domain in ("trainA", "trainB"):
            coarse = Image.fromarray(generator.integers(0, 256, (32, 32, 3), np.uint8))
            image = coarse.resize((side, side), Image.Resampling.BICUBIC)
            write_image(folder / domain / f"{number:06d}{suffix}", np.asarray(image))


if __name__ == "__main__":
    app.run(main)
