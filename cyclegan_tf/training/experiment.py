"""A run, put together from its configuration: data, networks, training, evaluation.

Besides the command line, this is the only place that sees a whole `Config`.
"""

import dataclasses
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cyclegan_tf import compat
from cyclegan_tf.config import Config, UserError
from cyclegan_tf.data.geometry import Geometry
from cyclegan_tf.data.pipeline import (
    Domain,
    epoch_steps,
    evaluation_pictures,
    keep_pairs,
    unpaired_dataset,
)
from cyclegan_tf.data.sources import open_sources
from cyclegan_tf.evaluation.evaluate import Evaluation, evaluate, sample_sheet
from cyclegan_tf.images import write_image
from cyclegan_tf.models.cyclegan import CycleGAN
from cyclegan_tf.models.discriminators import patch_discriminator
from cyclegan_tf.models.generators import generator
from cyclegan_tf.training import loop, observers
from cyclegan_tf.training.checkpoints import Checkpoints
from cyclegan_tf.training.distribution import make_strategy, set_intra_op_threads
from cyclegan_tf.training.schedules import learning_rate
from cyclegan_tf.training.workdir import Workdir

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Data:
    """Both domains of a split, and whether their pictures are aligned."""

    a: Domain
    b: Domain
    aligned: bool

    @classmethod
    def load(cls, config: Config, split: str) -> "Data | None":
        """Opens and checks the pictures of a split; None where there is no test split."""
        data = config.data
        sources = open_sources(
            data.data,
            data.data_a,
            data.data_b,
            split=split,
            channels_a=data.channels_a,
            channels_b=data.channels_b,
            load_size=data.load_size,
        )
        if sources is None:
            return None
        # Test pictures are read a few times in a run, training pictures in every epoch.
        cache_gb = config.run.cache_gb / 2 if split == "train" else 0.0
        a, b = (
            Domain.load(source, geometry(config), cache_gb=cache_gb, name=name)
            for source, name in ((sources.a, f"{split}A"), (sources.b, f"{split}B"))
        )
        aligned = sources.aligned and split == "test"
        if aligned:
            a, b = keep_pairs(a, b)
            _log.info(
                "the test pairs are taken as aligned: they have the same names or are built in"
            )
        return cls(a, b, aligned)


def geometry(config: Config) -> Geometry:
    """Returns how pictures come to the networks' size."""
    return Geometry(config.data.preprocess, config.data.load_size, config.data.crop_size)


def build_generators(config: Config) -> tuple[keras.Model, keras.Model]:
    """Builds both generators, a to b and b to a, with fresh weights."""
    channels = config.data.channels_a, config.data.channels_b
    ab, ba = (
        generator(
            config.model.generator,
            in_channels=source,
            out_channels=target,
            filters=config.model.filters,
            upsampling=config.model.upsampling,
            init_gain=config.model.init_gain,
            name=name,
        )
        for source, target, name in (
            (*channels, "generator_ab"),
            (*reversed(channels), "generator_ba"),
        )
    )
    return ab, ba


def build_model(config: Config, steps_per_epoch: int) -> CycleGAN:
    """Builds the compiled model of a run; call it inside the strategy's scope."""
    compat.set_precision(config.optimizer.precision)
    keras.utils.set_random_seed(config.optimizer.seed)
    generator_ab, generator_ba = build_generators(config)
    discriminator_a, discriminator_b = (
        patch_discriminator(
            config.model.discriminator_layers,
            channels,
            config.model.discriminator_filters or config.model.filters,
            config.model.init_gain,
            name=f"discriminator_{name}",
        )
        for channels, name in ((config.data.channels_a, "a"), (config.data.channels_b, "b"))
    )
    height, width = geometry(config).output_size
    model = CycleGAN(
        generator_ab,
        generator_ba,
        discriminator_a,
        discriminator_b,
        image_size=(height or 0, width or 0),
        **dataclasses.asdict(config.objective),
        ema=config.optimizer.ema,
        seed=config.optimizer.seed,
    )
    model.compile(*(compat.adam(_rate(config, steps_per_epoch)) for _ in range(2)))
    return model


def _rate(config: Config, steps_per_epoch: int) -> Any:
    optimizer = config.optimizer
    return learning_rate(
        optimizer.schedule,
        optimizer.learning_rate,
        steps_per_epoch,
        optimizer.epochs,
        optimizer.decay_epochs,
    )


class Experiment:
    """A run in a workdir, ready to be trained, described or evaluated.

    Args:
        config: The whole configuration, validated.
        workdir: Where its files lie.

    Raises:
        UserError: If the workdir holds a run that computes something else, or the data
            cannot be used.
    """

    def __init__(self, config: Config, workdir: str | Path) -> None:
        self.config = config.validate()
        self.workdir = Workdir(Path(workdir))
        stored = self.workdir.stored_config()
        if stored is not None and (differences := stored.differences(config)):
            raise UserError(
                f"{self.workdir.root} holds a run with other options: {'; '.join(differences)}. "
                "Leave them out to continue it, or choose another --workdir"
            )
        if config.run.intra_op_threads:
            set_intra_op_threads(config.run.intra_op_threads)
        self.strategy = make_strategy(config.run.replicas, config.data.batch_size)
        train_data = Data.load(config, "train")
        if train_data is None:
            raise UserError("the data has no training split")
        self.train_data = train_data
        batch_size = config.data.batch_size
        self.steps_per_epoch = epoch_steps(train_data.a, train_data.b, batch_size)
        epochs = config.optimizer.epochs + config.optimizer.decay_epochs
        steps = epochs * self.steps_per_epoch
        self.stop_step = min(steps, config.run.max_steps or steps)

    @cached_property
    def model(self) -> CycleGAN:
        """The model with fresh weights."""
        with self.strategy.scope():
            return build_model(self.config, self.steps_per_epoch)

    @cached_property
    def test_data(self) -> Data | None:
        """The test split, if the data has one."""
        return Data.load(self.config, "test")

    def train(self) -> None:
        """Trains to the end, from the latest checkpoint if there is one.

        Raises:
            UserError: If the run cannot go on; `loop.NotFinite` when a loss is no number.
            loop.Interrupted: After a signal.
        """
        with self.workdir.locked():
            self.workdir.store_config(self.config)
            run = self.config.run
            checkpoints = Checkpoints(
                self.workdir.checkpoints, self.model.state(), run.keep_checkpoints
            )
            start_step = checkpoints.restore_latest() or 0
            if start_step >= self.stop_step:
                _log.info("the run has reached its end, step %d of %d", start_step, self.stop_step)
                return
            if start_step:
                _log.info("continuing at step %d of %d", start_step, self.stop_step)
            loop.train(
                loop.distributed_step(
                    self.strategy, self.model.train_step, self.config.optimizer.jit_compile
                ),
                self.strategy.experimental_distribute_dataset(self.batches(start_step)),
                start_step,
                self.stop_step,
                save=checkpoints.save,
                save_every=run.checkpoint_every,
                observers=self._observers(start_step),
                may_overflow=self.model.loss_scale is not None,
            )

    def batches(self, start_step: int) -> tf.data.Dataset:
        """Returns the stream of global batches from a step on."""
        return unpaired_dataset(
            self.train_data.a,
            self.train_data.b,
            geometry=geometry(self.config),
            augment=self.config.data.augmentations,
            batch_size=self.config.data.batch_size,
            seed=self.config.optimizer.seed,
            start_step=start_step,
            stop_step=self.stop_step,
        )

    def evaluate(self) -> Evaluation | None:
        """Evaluates the latest state on the test split and stores figures and gallery.

        Returns:
            None where there is no test split.
        """
        if self.test_data is None:
            return None
        return evaluate_generators(
            self.config, self.test_data, self.model.translators, self.workdir
        )

    def _observers(self, start_step: int) -> list[observers.Observer]:
        run, batch_size = self.config.run, self.config.data.batch_size
        writer = tf.summary.create_file_writer(str(self.workdir.logs))
        samples = observers.SamplePictures(
            self.workdir.samples, run.sample_every, self._draw_samples, writer
        )
        if start_step == 0:
            samples.show(0)
        return [
            observers.MetricsLog(self.workdir.metrics, start_step, run.log_every),
            samples,
            observers.TensorBoardLog(writer, run.log_every, batch_size, self._learning_rate),
            observers.ProgressBar(start_step, self.stop_step, batch_size),
        ]

    def _learning_rate(self) -> float:
        rate = _rate(self.config, self.steps_per_epoch)
        return float(rate(self.model.generator_optimizer.iterations) if callable(rate) else rate)

    def _draw_samples(self) -> np.ndarray:
        """Draws real, fake and cycled pictures of both directions, one row for each number."""
        data = self.test_data or self.train_data
        pictures = zip(
            evaluation_pictures(data.a, geometry(self.config)),
            evaluation_pictures(data.b, geometry(self.config)),
            strict=False,
        )
        return sample_sheet(islice(pictures, 4), *self.model.translators)


def evaluate_generators(
    config: Config, data: Data, generators: Sequence[keras.Model], workdir: Workdir
) -> Evaluation:
    """Evaluates generators on a split, and stores `evaluation.json` and `gallery.png`."""
    generator_ab, generator_ba = (tf.function(g, reduce_retracing=True) for g in generators)
    evaluation = evaluate(
        evaluation_pictures(data.a, geometry(config)),
        evaluation_pictures(data.b, geometry(config)),
        generator_ab,
        generator_ba,
        aligned=data.aligned,
    )
    workdir.root.mkdir(parents=True, exist_ok=True)
    workdir.evaluation.write_text(json.dumps(evaluation.figures, indent=2) + "\n")
    write_image(workdir.gallery, evaluation.gallery)
    return evaluation


def load_generators(workdir: str | Path) -> tuple[Config, keras.Model, keras.Model]:
    """Rebuilds the generators of a run and restores their latest weights.

    Args:
        workdir: Of a run that has written a checkpoint.

    Returns:
        The run's configuration, and the generators a to b and b to a (the averaged ones if
        the run keeps them): float32 `(batch, height, width, channels)` in [-1, 1] both ways.

    Raises:
        UserError: If there is no run, no checkpoint, or no readable one.
    """
    files = Workdir(Path(workdir))
    config = files.stored_config()
    if config is None:
        raise UserError(f"--workdir={workdir} holds no run: there is no config.json")
    generators = build_generators(config)
    kind = "average" if config.optimizer.ema else "generator"
    state = {
        f"{kind}_{direction}": compat.network_state(network)
        for direction, network in zip(("ab", "ba"), generators, strict=True)
    }
    step = Checkpoints(files.checkpoints, state).restore()
    _log.info("restored step %d of %s", step, workdir)
    return config, *generators
