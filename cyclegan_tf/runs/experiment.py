"""A run built from its configuration: data, networks, training and evaluation.

Besides the command line, only this package uses a complete `Config`, see docs/architecture.md.
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
    """A run in a workdir, ready to train, describe or evaluate.

    Args:
        config: The complete configuration; it is validated here.
        workdir: Folder of the run.
        workers: The workers of the run. They connect here, and must then make the same calls in
            the same order. Only the chief writes files.

    Attributes:
        config: The configuration. A converted run has the architecture of its checkpoint.
        workers: The workers of the run.
        workdir: The files of the run.
        strategy: The distribution strategy.
        train_data: The training split.
        steps_per_epoch: Steps in one pass over the larger domain.
        stop_step: Number of steps of the complete run.

    Raises:
        UserError: If the workdir contains a run with other options, the data is invalid, or a
            worker does not connect.
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
                f"{self.workdir.root} contains a run with other options: "
                f"{'; '.join(differences)}. Omit them to resume it, or choose another `workdir`"
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
        """The model with initial weights."""
        with self.strategy.scope():
            return assembly.build_model(self.config, self.steps_per_epoch)

    @cached_property
    def test_data(self) -> Data | None:
        """The test split; None if the data has none."""
        return Data.load(self.config, "test")

    def train(self) -> None:
        """Train to the end, starting from the latest checkpoint if there is one.

        Raises:
            UserError: If the run cannot continue; `loop.NotFinite` if a loss is not finite.
            loop.Interrupted: After a signal to stop.
        """
        checkpoints = Checkpoints(
            self.workdir.checkpoints, self.model.state(), self.config.run.keep_checkpoints
        )
        if self.workers.is_chief:
            with self.workdir.locked():
                self._train(checkpoints, checkpoints.save, self._begin_records)
        else:
            _log.info("the chief, %s, reports and writes the run", self.workers.addresses[0])
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
            _log.info("the run is complete, step %d of %d", start_step, self.stop_step)
            if self.workers.is_chief:
                self._store_names()
            return
        if start_step:
            _log.info("resuming at step %d of %d", start_step, self.stop_step)
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
        """Store the names of the domains, which may change even after the run is complete."""
        stored = self.workdir.run_config()
        data = self.config.data
        renamed = stored.replace({"name_a": data.name_a, "name_b": data.name_b})
        if renamed != stored:
            self.workdir.store_config(renamed)

    def uses_xla(self) -> bool:
        """Decide whether to compile the step with XLA: as configured, or if it is faster.

        On one GPU, the step takes a quarter of the time (docs/benchmarks.md). Each image size
        requires another compilation. Several GPUs and recomputation were not measured.
        """
        asked = self.config.optimizer.jit_compile
        if asked is not None:
            return asked
        gpus = tf.config.list_physical_devices("GPU")
        one_size = None not in assembly.geometry(self.config).output_size
        alone = self.strategy.num_replicas_in_sync == 1
        return bool(gpus) and alone and one_size and not self.config.run.remat

    def _agreement(self, start_step: int) -> Callable[[int], int]:
        """Check that all workers agree; return a function for agreeing on a signal to stop."""
        names = [*self.train_data.a.names, *self.train_data.b.names]
        facts = {
            "step to start from": start_step,
            "checksum of the options": zlib.crc32(self.config.to_json().encode()),
            "checksum of the image names": zlib.crc32("\n".join(names).encode()),
        }
        gather = make_gather(self.strategy, self.workers)
        check_agreement(gather, self.workers, facts)
        return lambda number: int(gather([number]).max())

    def batches(self, start_step: int, share: Share = Share()) -> tf.data.Dataset:
        """Return the stream of global batches, or a share of each, starting at a step."""
        return assembly.batches(self.config, self.train_data, start_step, self.stop_step, share)

    def distributed_batches(self, start_step: int) -> Iterable[loop.Batch]:
        """Return the stream for the strategy's replicas; each worker reads only its share."""

        def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
            share = Share(
                context.input_pipeline_id,
                context.num_input_pipelines,
                context.num_replicas_in_sync,
            )
            return self.batches(start_step, share)

        return self.strategy.distribute_datasets_from_function(of_worker)

    def evaluate(self) -> Evaluation | None:
        """Evaluate the current weights on the test split; store the metrics and a gallery.

        Returns:
            The evaluation; None if there is no test split.

        Raises:
            UserError: If a test image can no longer be read.
            OSError: If the results cannot be stored.
        """
        if self.test_data is None:
            return None
        return evaluate_generators(
            self.config, self.test_data, self.model.translators, self.workdir
        )

    def _store_description(self) -> None:
        """Write the facts that reports need and the configuration lacks."""

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
        """Store the configuration; yield the observers, starting at a step.

        Each is yielded as soon as it exists, so that it is closed if the next one fails.
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
        """Render a few images with their translations, one row per pair."""
        data = self.test_data or self.train_data
        images = zip(*assembly.evaluation_inputs(self.config, data), strict=False)
        labels = assembly.segments(self.config)
        names = self.config.domain_names
        return sample_sheet(islice(images, 4), self.model.translators, labels, names)


def evaluate_run(run: Run, data: str = "", progress: bool = True) -> Evaluation:
    """Evaluate an opened run, see `Run.evaluate`."""
    # The domains keep the names of those that the run was trained on.
    name_a, name_b = run.config.domain_names
    other = {"data": data, "data_a": "", "data_b": "", "name_a": name_a, "name_b": name_b}
    config = run.config.replace(other if data else {})
    test_data = Data.load(config, "test")
    if test_data is None:
        raise UserError("the data has no test split; use `data=DIR` with testA and testB")
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
    """Evaluate generators on a split, and store `evaluation.json` and `gallery.png`.

    Raises:
        UserError: If an image can no longer be read.
        OSError: If the results cannot be stored.
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
