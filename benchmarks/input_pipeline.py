"""Benchmarks the input pipeline: training steps on its stream against steps on one batch.

    python benchmarks/input_pipeline.py

Rounds of steps on the input stream alternate with rounds on a constant batch, so that other load
on the machine affects both equally. Without --data, images are generated: smooth noise in JPEG
files of 256 px, resized and cropped as in the official settings.
"""

import itertools
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import app, flags
from PIL import Image

from cyclegan_tf.config.config import Config
from cyclegan_tf.images.images import write_image
from cyclegan_tf.runs.experiment import Experiment
from cyclegan_tf.training.loop import distributed_step

_DATA = flags.DEFINE_string("data", "", "As in training (default: generated images).")
_GENERATOR = flags.DEFINE_string("generator", "resnet_6", "As in training.")
_LOAD_SIZE = flags.DEFINE_integer("load_size", 143, "As in training, in pixels.")
_CROP_SIZE = flags.DEFINE_integer("crop_size", 128, "As in training, in pixels.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 1, "As in training.")
_AUGMENT = flags.DEFINE_string("augment", "flip,crop", "As in training.")
_CACHE_GB = flags.DEFINE_float("cache_gb", 4.0, "As in training; 0 decodes images every epoch.")
_ROUNDS = flags.DEFINE_integer("rounds", 6, "Number of rounds of each kind.")
_STEPS = flags.DEFINE_integer("steps", 6, "Timed steps per round.")

Batch = tuple[tf.Tensor, tf.Tensor]
_UNTIMED = 2  # Untimed steps at the start of a round, for compilation and prefetched batches.


def main(_: list[str]) -> None:
    """Print both medians and their ratio, as text and as one line of JSON."""
    with tempfile.TemporaryDirectory() as folder:
        data = _DATA.value or _generated_images(Path(folder))
        config = Config().replace({**flags.FLAGS.flag_values_dict(), "data": data})
        experiment = Experiment(config, Path(folder, "run"))
        step = distributed_step(experiment.strategy, experiment.model.train_step)
        seconds: dict[str, list[float]] = {"stream": [], "constant": []}
        constant = next(iter(experiment.batches(0)))
        for number in range(_ROUNDS.value):
            stream = iter(experiment.batches(number * (_STEPS.value + _UNTIMED)))
            seconds["stream"] += _time(step, stream, _STEPS.value)
            seconds["constant"] += _time(step, itertools.repeat(constant), _STEPS.value)
        alone = _time(
            lambda batch: {"corner": batch[0][0, 0, 0, 0]}, iter(experiment.batches(0)), 200
        )
    medians = {kind: float(np.median(times)) for kind, times in seconds.items()}
    result = {
        "stream_step_seconds": medians["stream"],
        "constant_step_seconds": medians["constant"],
        "ratio": medians["stream"] / medians["constant"],
        "stream_alone_seconds": float(np.mean(alone)),
        "steps": len(seconds["stream"]),
    }
    print(f"A step on the stream takes {result['ratio']:.3f} times one on a constant batch")
    print(json.dumps(result))


def _time(
    step: Callable[[Batch], Mapping[str, tf.Tensor]], batches: Iterator[Batch], steps: int
) -> list[float]:
    """Time a round of steps, in seconds each, including the wait for the batch."""
    times = []
    for number in range(_UNTIMED + steps):
        start = time.perf_counter()
        for value in step(next(batches)).values():
            float(value)  # Waits for the device.
        if number >= _UNTIMED:
            times.append(time.perf_counter() - start)
    return times


def _generated_images(folder: Path, number: int = 100) -> str:
    generator = np.random.default_rng(0)
    for domain, index in itertools.product(("trainA", "trainB"), range(number)):
        coarse = Image.fromarray(generator.integers(0, 256, (32, 32, 3), np.uint8))
        image = coarse.resize((256, 256), Image.Resampling.BICUBIC)
        write_image(folder / domain / f"{index}.jpg", np.asarray(image))
    return str(folder)


if __name__ == "__main__":
    app.run(main)
