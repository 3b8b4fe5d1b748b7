"""Translating files: a picture, a clip or a folder, begun again wherever it was stopped."""

import hashlib
import logging
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cyclegan_tf.errors import UserError
from cyclegan_tf.files import remove_partial_files
from cyclegan_tf.ledger import Ledger
from cyclegan_tf.models.autoencoders import LabelMap
from cyclegan_tf.translation.job import Job, Translated
from cyclegan_tf.translation.options import TranslationOptions
from cyclegan_tf.translation.pictures import PictureTranslator
from cyclegan_tf.translation.tasks import check_output, find_tasks

_log = logging.getLogger(__name__)


def translate_files(
    generator: keras.Model,
    source: str | Path,
    output: str | Path,
    options: TranslationOptions | None = None,
    side_by_side: str | Path | None = None,
    overwrite: bool = False,
    about: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Translated:
    """Translates a picture or a clip, or all of them below a folder.

    A call with the same arguments goes on where the last one ended, however it ended. The
    output's `manifest.jsonl` lists what was written and what failed, see `ledger.Ledger`.

    Args:
        generator: float32 `(batch, height, width, channels)` in [-1, 1], both ways.
        source: A file or a folder.
        output: A folder; a translation keeps its picture's path below `source`, and its stem.
        options: How files are translated and written.
        side_by_side: A folder for sheets of input and translation, if wanted; of pictures only.
        overwrite: Whether to begin anew, and to remove what was translated before.
        about: Where the generator comes from, for the manifest, as JSON can hold it; has to
            agree with what lies in `output`.
        progress: Whether to show a bar.

    Returns:
        What was written and what failed; a file that cannot be read does not stop the others.

    Raises:
        UserError: If there is nothing to translate, two pictures would get one name, the
            output lies in the input, holds translations made otherwise, or cannot be written.
    """
    source, output = Path(source), Path(output)
    sheets = Path(side_by_side) if side_by_side else None
    options = (options or TranslationOptions()).validate()
    _check_labels(generator, options)
    tasks, failures, ignored = find_tasks(source, options.output_format)
    count = len(tasks) + len(failures)
    _log.info("%s: %d pictures and clips, %d other files ignored", source, count, ignored)
    for folder in [output, *([sheets] if sheets else [])]:
        check_output(source, folder, [task.target for task in tasks])
    if sheets and sheets.resolve() == output.resolve():
        raise UserError(f"sheets and translations need folders of their own, not both {output}")
    root = source.parent if source.is_file() else source
    made_by = {
        **(about or {}),
        "input": str(root.resolve()),
        "weights": _digest(generator),
        **_changing_results(options),
    }
    try:
        with closing(Ledger(output, made_by, "translations", overwrite)) as ledger:
            remove_partial_files(output)
            network = PictureTranslator(generator, options, progress)
            return Job(network, options, output, sheets, ledger, progress).run(tasks, failures)
    except OSError as error:
        raise UserError(f"cannot write to {output}: {error}") from error


def _changing_results(options: TranslationOptions) -> dict[str, Any]:
    """Returns the options that a folder's translations have to share.

    Batches are not among them: they may change a level by rounding, and memory may call for
    smaller ones midway.
    """
    # Options of version 0.1.0 have these values now; folders that it began can be completed.
    former = {"bit_depth": 8, "statistics_tiles": 0}
    return {n: value for n, value in asdict(options).items() if n != "batch_size"} | former


def _check_labels(generator: keras.Model, options: TranslationOptions) -> None:
    lossy = options.output_format in ("jpg", "webp")
    if isinstance(generator.layers[-1], LabelMap) and (lossy or options.smoothing):
        raise UserError(
            "the network gives class numbers, which need `output_format=png` or bmp, and "
            "`smoothing=0`"
        )


def _digest(generator: keras.Model) -> str:
    """Returns what tells a generator's weights from others."""
    digest = hashlib.sha256()
    for weights in generator.get_weights():
        digest.update(np.ascontiguousarray(weights).data)
    return digest.hexdigest()[:16]
