"""A trained run: opened from its workdir, then used to translate, evaluate, compare and export."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from cyclegan_tf import compat
from cyclegan_tf.config.config import Config
from cyclegan_tf.config.direction import Direction
from cyclegan_tf.errors import UserError
from cyclegan_tf.models.autoencoders import label_maps
from cyclegan_tf.runs import assembly, conversion
from cyclegan_tf.runs.workdir import Workdir
from cyclegan_tf.training.checkpoints import Checkpoints

# Each method imports what it needs: opening a run does not load matplotlib, SciPy or serving.
if TYPE_CHECKING:
    import numpy as np

    from cyclegan_tf.evaluation.evaluate import Evaluation
    from cyclegan_tf.neural_style.options import BackboneOptions, StyleOptions
    from cyclegan_tf.translation.job import Translated
    from cyclegan_tf.translation.options import TranslationOptions

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Origin:
    """Where a run was opened.

    Attributes:
        workdir: The files of the run.
        step: The requested step; None for the newest checkpoint.
    """

    workdir: Workdir
    step: int | None = None

    def results(self, data: str = "") -> Workdir:
        """Return the folder of an evaluation, a subfolder for other data or a requested step."""
        return self.workdir.elsewhere(data, self.step)


@dataclass(frozen=True, eq=False)
class Run:
    """A trained (or converted) run. Get one from `Run.open` or `Run.train`.

    Attributes:
        config: Configuration of the run.
        step: Step of the restored checkpoint.
        generators: Keras models by direction, `a2b` and for CycleGAN `b2a`; the averages if the
            run keeps them. Inputs and outputs are float32 `(batch, height, width, channels)` in
            [-1, 1].
        origin: Where the run was opened.
    """

    config: Config
    step: int
    generators: Mapping[str, keras.Model]
    origin: Origin

    @classmethod
    def open(
        cls, workdir: str | Path, step: int | None = None, eval_mode: bool | None = None
    ) -> "Run":
        """Rebuild the generators of a run and restore their weights.

        Args:
            workdir: Folder of a run that has a checkpoint.
            step: Step of the checkpoint to restore; None for the newest readable one.
            eval_mode: Whether dropout is off and batch normalization uses running statistics; None
                uses the run's configuration.

        Raises:
            UserError: If there is no run, no such checkpoint, or no readable one.
        """
        origin = Origin(Workdir(Path(workdir)), step)
        config = origin.workdir.run_config()
        if eval_mode is not None:
            config = config.replace({"eval_mode": eval_mode})
        built = assembly.build_generators(config)
        names = [direction.generator for direction in built]
        groups = conversion.stored_groups(origin.workdir, config, names, step)
        stored = {d: network for d, network in built.items() if d.generator in groups}
        state = {groups[d.generator]: compat.network_state(n) for d, n in stored.items()}
        restored = Checkpoints(origin.workdir.checkpoints, state).restore(step)
        _log.info("restored step %d of %s", restored, workdir)
        labels = assembly.segments(config)
        generators: dict[str, keras.Model]
        generators = {d: label_maps(n) if labels else n for d, n in stored.items()}
        return cls(config, restored, generators, origin)

    @classmethod
    def train(cls, config: Config, workdir: str | Path) -> "Run":
        """Train a run to its end, or resume the one in the workdir, and open it.

        Args:
            config: The configuration, see `Config.of`.
            workdir: Folder of the run.

        Raises:
            UserError: If the configuration is invalid or disagrees with the run in the workdir, the
                data cannot be read, or a loss is not finite.
        """
        from cyclegan_tf.runs.experiment import Experiment

        Experiment(config, workdir).train()
        return cls.open(workdir)

    def translate(self, images: Any, direction: str = "a2b") -> Any:
        """Translate images in memory, each at its own size.

        The pixels are those that `translate_files` writes with a batch size of 1.

        Args:
            images: A uint8 array `(height, width, channels)` in [0, 255], a PIL image or a path; or
                a list, tuple or iterator of these.
            direction: `a2b` or `b2a`.

        Returns:
            A uint8 array `(height, width, channels)` in [0, 255] of the target domain for a single
            image; otherwise a list, tuple or iterator of such arrays.

        Raises:
            UserError: If the run does not translate in this direction, or an image has another
                dtype or shape or cannot be read.
        """
        from cyclegan_tf.runs.translating import translate_images

        return translate_images(self, images, direction)

    def translate_files(
        self,
        source: str | Path,
        output: str | Path,
        direction: str = "a2b",
        options: "TranslationOptions | None" = None,
        side_by_side: str | Path | None = None,
        overwrite: bool = False,
        progress: bool = True,
    ) -> "Translated":
        """Translate an image, a clip or a folder; the same call resumes after an interruption.

        Args:
            source: A file or a folder.
            output: Folder for the translations, which keep relative paths and stems.
            direction: `a2b` or `b2a`.
            options: How files are translated and written.
            side_by_side: Folder for sheets of input and translation, if wanted.
            overwrite: Whether to start over and remove earlier translations.
            progress: Whether to show a progress bar.

        Returns:
            The counts of files written and skipped, and the failures.

        Raises:
            UserError: If the run does not translate in this direction, there is nothing to
                translate, or the output cannot be used.
        """
        from cyclegan_tf.translation.files import translate_files

        generator = self.generators[check_direction(self, direction)]
        made_by = {
            "workdir": str(self.origin.workdir.root.resolve()),
            "step": self.step,
            "direction": str(direction),
            "eval_mode": self.config.run.eval_mode,
        }
        return translate_files(
            generator, source, output, options, side_by_side, overwrite, made_by, progress
        )

    def evaluate(self, data: str = "", progress: bool = True) -> "Evaluation":
        """Evaluate the run on a test split and store the metrics and a gallery.

        Args:
            data: Other data to evaluate on; by default the run's own.
            progress: Whether to show progress bars.

        Raises:
            UserError: If there is no test split, or an image cannot be read.
            OSError: If the results cannot be stored.
        """
        from cyclegan_tf.runs.experiment import evaluate_run

        return evaluate_run(self, data, progress)

    def compare(
        self,
        output: str | Path | None = None,
        direction: str = "a2b",
        images: int = 8,
        options: "StyleOptions | None" = None,
        network: "BackboneOptions | None" = None,
        style: "np.ndarray | None" = None,
    ) -> Path:
        """Compare the run with neural style on test images.

        Args:
            output: Folder for the page, the sheet and the JSON; by default `comparison` in the
                workdir.
            direction: `a2b` or `b2a`.
            images: Number of test images.
            options: Options of neural style.
            network: The backbone of neural style.
            style: One image of the target domain, uint8 `(height, width, 3)`; by default the first
                training image.

        Returns:
            The page.

        Raises:
            UserError: If the run cannot be compared, or there is no test split.
        """
        from cyclegan_tf.runs.comparison import compare_run

        return compare_run(self, output, direction, images, options, network, style)[0]

    def export(
        self,
        output: str | Path,
        version: int | None = None,
        max_pixels: int | None = None,
        samples: str | Path | None = None,
        formats: Sequence[str] = (),
    ) -> Path:
        """Export the run as a new version of a model for TF Serving, after verifying it.

        Args:
            output: Folder of the model; its name is the model's name.
            version: Number of the version; None for the next one.
            max_pixels: Images with more pixels are rejected; None for the default.
            samples: Folder of images to verify the export with.
            formats: Additional formats, `tflite` or `onnx`.

        Returns:
            Folder of the version.

        Raises:
            UserError: If the export differs from the run or cannot be written; nothing is
                published then.
        """
        from cyclegan_tf.runs.exporting import export_run

        return export_run(self, output, version, max_pixels, samples, formats).folder

    def report(self, output: str | Path | None = None) -> Path:
        """Write the report of the run as one self-contained page.

        Args:
            output: File of the page; by default `report.html` in the workdir.

        Returns:
            The page.

        Raises:
            UserError: If the page cannot be written.
        """
        from cyclegan_tf.runs.report import report_run

        return report_run(self.origin.workdir.root, output)


def check_direction(run: Run, direction: str) -> Direction:
    """Return a direction after checking that a run supports it.

    Raises:
        UserError: If the run does not support it; the error lists the supported directions.
    """
    if direction not in run.generators:
        raise UserError(
            f"`direction={direction}`: this run translates {' and '.join(run.generators)} only"
        )
    return Direction(direction)


def load_generators(
    workdir: str | Path, eval_mode: bool | None = None, step: int | None = None
) -> tuple[Config, Mapping[str, keras.Model]]:
    """Open a run; replaced by `Run.open`."""
    run = Run.open(workdir, step, eval_mode)
    return run.config, run.generators
