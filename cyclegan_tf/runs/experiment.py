"""A run, put together from its configuration: data, networks, training, evaluation.

Besides the command line, only this file and those of its row (see docs/architecture.md) see a whole
`Config`.
"""

import json
import logging
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from cyclegan_tf.config.config import Config
from cyclegan_tf.data.pipeline import Share, epoch_steps, naming_pictures
from cyclegan_tf.errors import UserError
from cyclegan_tf.evaluation.evaluate import Evaluation, evaluate, sample_sheet
from cyclegan_tf.files import write_atomically
from cyclegan_tf.images.images import write_image
from cyclegan_tf.models.translator import Translator
from cyclegan_tf.runs import assembly, conversion
from cyclegan_tf.runs.assembly import Data
from cyclegan_tf.runs.report import report_if_possible
from cyclegan_tf.runs.run import Run
from cyclegan_tf.runs.workdir import Workdir
from cyclegan_tf.training import loop, observers
from cyclegan_tf.training.agreement import check_agreement, make_gather
from cyclegan_tf.training.checkpoints import Checkpoints
from cyclegan_tf.training.distribution import device_name, make_strategy, set_intra_op_threads
from cyclegan_tf.training.workers import Workers

_log = logging.getLogger(__name__)


class Experiment:
    """A run in a workdir, ready to be trained, described or evaluated.

    Args:
        config: The whole configuration, validated.
        workdir: Where its files lie.
        workers: Who takes part. They meet here, and then have to do the same in the same order;
            the chief alone writes.

    Attributes:
        config: The configuration; of a converted run, with the architecture that was found.
        workers: Who takes part.
        workdir: The files.
        strategy: The replicas.
        train_data: The training split.
        steps_per_epoch: Steps in which the longer domain is walked once.
        stop_step: Steps at the run's end, counted from its first.

    Raises:
        UserError: If the workdir holds a run that computes something else, the data cannot be
            used, or a worker does not come.
    """

    def __init__(self, config: Config, workdir: str | Path, workers: Workers = Workers()) -> None:
        self.config = config.validate()
        self.workers = workers
        self.workdir = Workdir(Path(workdir))
        stored = self.workdir.stored_config()
        converted = conversion.untrained_networks(self.workdir)
        if stored is not None and converted is not None:
            conversion.check_trainable(self.workdir, stored, converted)
            stored = conversion.with_architecture(config, stored)
        if stored is not None and (differences := stored.differences(config)):
            raise UserError(
                f"{self.workdir.root} holds a run with other options: {'; '.join(differences)}. "
                "Leave them out to continue it, or choose another `workdir`"
            )
        if config.run.intra_op_threads:
            set_intra_op_threads(config.run.intra_op_threads)
        self.strategy = make_strategy(
            config.run.replicas, config.data.batch_size, workers, config.run.wait_for_workers
        )
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
    def model(self) -> Translator:
        """The model with fresh weights."""
        with self.strategy.scope():
            return assembly.build_model(self.config, self.steps_per_epoch)

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
        checkpoints = Checkpoints(
            self.workdir.checkpoints, self.model.state(), self.config.run.keep_checkpoints
        )
        if self.workers.is_chief:
            with self.workdir.locked():
                self._train(checkpoints, checkpoints.save, self._begin_records)
        else:
            _log.info("the chief, %s, shows and writes the run", self.workers.addresses[0])
            self._train(checkpoints, lambda step: None, lambda start_step: [])

    def _train(
        self,
        checkpoints: Checkpoints,
        save: Callable[[int], None],
        begin_records: Callable[[int], Iterable[observers.Observer]],
    ) -> None:
        run = self.config.run
        if conversion.untrained_networks(self.workdir) is not None:
            conversion.restore_networks(self.workdir, self.model.state())
            start_step = 0
        else:
            start_step = checkpoints.restore_latest() or 0
        agree = self._agreement(start_step) if self.workers.count > 1 else int
        if start_step >= self.stop_step:
            _log.info("the run has reached its end, step %d of %d", start_step, self.stop_step)
            if self.workers.is_chief:
                self._store_names()
            return
        if start_step:
            _log.info("continuing at step %d of %d", start_step, self.stop_step)
        compiled = self.uses_xla()
        if compiled and not self.config.optimizer.jit_compile:
            _log.info(
                "compiling the step with XLA, about a minute; jit_compile=False turns this off"
            )
        step = loop.distributed_step(self.strategy, self.model.train_step, compiled)
        with naming_pictures():
            loop.train(
                loop.one_by_one(step) if run.steps_per_call == 1 else loop.in_one_call(step),
                self.distributed_batches(start_step),
                start_step,
                self.stop_step,
                save=save,
                save_every=run.checkpoint_every,
                observers=begin_records(start_step),
                may_overflow=self.model.loss_scale is not None,
                steps_per_call=run.steps_per_call,
                look_every=run.sample_every,
                agree=agree,
            )

    def _store_names(self) -> None:
        """Stores the names of the domains, which may change after the end of the run, too."""
        stored = self.workdir.run_config()
        data = self.config.data
        renamed = stored.replace({"name_a": data.name_a, "name_b": data.name_b})
        if renamed != stored:
            self.workdir.store_config(renamed)

    def uses_xla(self) -> bool:
        """Decides whether XLA compiles the step: as the configuration says, or where it pays.

        On one GPU, it takes a quarter of the time (docs/benchmarks.md). It compiles anew for every
        size of image, and what it does to several GPUs and to recomputation was not measured.
        """
        asked = self.config.optimizer.jit_compile
        if asked is not None:
            return asked
        gpus = tf.config.list_physical_devices("GPU")
        one_size = None not in assembly.geometry(self.config).output_size
        alone = self.strategy.num_replicas_in_sync == 1
        return bool(gpus) and alone and one_size and not self.config.run.remat

    def _agreement(self, start_step: int) -> Callable[[int], int]:
        """Checks that all workers do the same; returns how they agree on a signal to stop for."""
        names = [*self.train_data.a.names, *self.train_data.b.names]
        facts = {
            "step to start from": start_step,
            "checksum of the options": zlib.crc32(self.config.to_json().encode()),
            "checksum of the pictures' names": zlib.crc32("\n".join(names).encode()),
        }
        gather = make_gather(self.strategy, self.workers)
        check_agreement(gather, self.workers, facts)
        return lambda number: int(gather([number]).max())

    def batches(self, start_step: int, share: Share = Share()) -> tf.data.Dataset:
        """Returns the stream of global batches, or of a share of each, from a step on."""
        return assembly.batches(self.config, self.train_data, start_step, self.stop_step, share)

    def distributed_batches(self, start_step: int) -> Iterable[loop.Batch]:
        """Returns the stream for the strategy's replicas; every worker reads its share alone."""

        def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
            share = Share(
                context.input_pipeline_id,
                context.num_input_pipelines,
                context.num_replicas_in_sync,
            )
            return self.batches(start_step, share)

        return self.strategy.distribute_datasets_from_function(of_worker)

    def evaluate(self) -> Evaluation | None:
        """Evaluates the latest state on the test split and stores figures and gallery.

        Returns:
            None where there is no test split.

        Raises:
            UserError: If a test picture can no longer be read.
            OSError: If they cannot be stored.
        """
        if self.test_data is None:
            return None
        return evaluate_generators(
            self.config, self.test_data, self.model.translators, self.workdir
        )

    def _store_description(self) -> None:
        """Writes down what reports say of a run and its configuration alone does not tell."""

        def counts(data: Data) -> dict[str, int]:
            both = {"a": len(data.a), "b": len(data.b)}
            return both if self.config.needs_b else {"a": both["a"]}

        networks = self.model.networks
        description = {
            "training_pictures": counts(self.train_data),
            "test_pictures": counts(self.test_data) if self.test_data else None,
            "parameters": {name: network.count_params() for name, network in networks.items()},
            "steps_per_epoch": self.steps_per_epoch,
            "stop_step": self.stop_step,
        }
        write_atomically(self.workdir.description, json.dumps(description, indent=2) + "\n")

    def _begin_records(self, start_step: int) -> Iterator[observers.Observer]:
        """Stores the configuration; yields who shows and writes the run from a step on.

        Each as soon as it is made, so that it is closed should the next one fail to be.
        """
        self.workdir.store_config(self.config)
        self._store_description()
        run, batch_size = self.config.run, self.config.data.batch_size
        yield observers.MetricsLog(self.workdir.metrics, start_step, run.log_every)
        writer = observers.tensorboard_writer(self.workdir.logs)
        yield observers.TensorBoardLog(writer, run.log_every, batch_size, self._learning_rate)
        samples = observers.SamplePictures(
            self.workdir.samples, run.sample_every, self._draw_samples, writer
        )
        if start_step == 0:
            samples.show(0)
        yield samples
        device = device_name(self.workers)
        yield observers.Clock(self.workdir.clock, start_step, run.log_every, device)
        yield observers.ProgressBar(start_step, self.stop_step, batch_size)

    def _learning_rate(self) -> float:
        rate = assembly.rate_of(self.config, self.steps_per_epoch)
        return float(rate(self.model.generator_optimizer.iterations) if callable(rate) else rate)

    def _draw_samples(self) -> np.ndarray:
        """Draws a few pictures and what the generators make of them, one row for each number."""
        data = self.test_data or self.train_data
        pictures = zip(*assembly.evaluation_inputs(self.config, data), strict=False)
        labels = assembly.segments(self.config)
        names = self.config.domain_names
        return sample_sheet(islice(pictures, 4), self.model.translators, labels, names)


def evaluate_run(run: Run, data: str = "", progress: bool = True) -> Evaluation:
    """Evaluates an opened run, see `Run.evaluate`."""
    # The domains keep their names: they are what the run has learned.
    name_a, name_b = run.config.domain_names
    other = {"data": data, "data_a": "", "data_b": "", "name_a": name_a, "name_b": name_b}
    config = run.config.replace(other if data else {})
    test_data = Data.load(config, "test")
    if test_data is None:
        raise UserError("the data has no test split; give `data=DIR` with testA and testB")
    files = run.origin.results(data)
    evaluation = evaluate_generators(config, test_data, run.generators, files, progress)
    if files == run.origin.workdir:
        report_if_possible(files.root)  # Its report would show outdated metrics.
    return evaluation


def evaluate_generators(
    config: Config,
    data: Data,
    generators: Mapping[str, keras.Model],
    workdir: Workdir,
    progress: bool = True,
) -> Evaluation:
    """Evaluates generators on a split, and stores `evaluation.json` and `gallery.png`.

    Raises:
        UserError: If a picture can no longer be read.
        OSError: If they cannot be stored.
    """
    with naming_pictures():
        evaluation = evaluate(
            *assembly.evaluation_inputs(config, data),
            {d: tf.function(g, reduce_retracing=True) for d, g in generators.items()},
            aligned=data.aligned,
            labels=assembly.segments(config),
            progress=progress,
            names=config.domain_names,
        )
    write_atomically(workdir.evaluation, json.dumps(evaluation.figures, indent=2) + "\n")
    write_image(workdir.gallery, evaluation.gallery)
    return evaluation
