"""Translates files, an image, a clip or a folder, and resumes after interruptions."""

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
    """Translate an image or a clip, or all of them in a folder and its subfolders.

    A call with the same arguments resumes after an interruption and skips finished files. The
    output's `manifest.jsonl` lists written and failed files, see `ledger.Ledger`.

    Args:
        generator: float32 `(batch, height, width, channels)` in [-1, 1], both input and output.
        source: A file or a folder.
        output: A folder; each translation keeps the path of its input below `source`, and its stem.
        options: How files are translated and written.
        side_by_side: Folder for sheets of input and translation, of images only (default: none).
        overwrite: Whether to start over and remove earlier translations.
        about: Origin of the generator for the manifest, JSON-serializable; must match existing
            translations in `output`.
        progress: Whether to show a progress bar.

    Returns:
        Written, skipped and failed files; an unreadable file does not stop the others.

    Raises:
        UserError: If there is nothing to translate, two inputs have the same target, the output
            is inside the input, has translations with other options, or cannot be written.
    """
    source, output = Path(source), Path(output)
    sheets = Path(side_by_side) if side_by_side else None
    options = (options or TranslationOptions()).validate()
    _check_labels(generator, options)
    tasks, failures, ignored = find_tasks(source, options.output_format)
    count = len(tasks) + len(failures)
    _log.info("%s: %d images and clips, %d other files ignored", source, count, ignored)
    for folder in [output, *([sheets] if sheets else [])]:
        check_output(source, folder, [task.target for task in tasks])
    if sheets and sheets.resolve() == output.resolve():
        raise UserError(f"sheets and translations need separate folders, not both {output}")
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
    """Return the options that all translations in a folder must share.

    `batch_size` is not among them: it changes results only by rounding, and users may have to
    reduce it midway if memory runs out.
    """
    # Fixed values of former options, so that folders started by version 0.1.0 can be completed.
    former = {"bit_depth": 8, "statistics_tiles": 0}
    return {n: value for n, value in asdict(options).items() if n != "batch_size"} | former


def _check_labels(generator: keras.Model, options: TranslationOptions) -> None:
    lossy = options.output_format in ("jpg", "webp")
    if isinstance(generator.layers[-1], LabelMap) and (lossy or options.smoothing):
        raise UserError(
            "the network outputs class indices, which need `output_format=png` or bmp, and "
            "`smoothing=0`"
        )


def _digest(generator: keras.Model) -> str:
    """Return a hash that identifies a generator's weights."""
    digest = hashlib.sha256()
    for weights in generator.get_weights():
        digest.update(np.ascontiguousarray(weights).data)
    return digest.hexdigest()[:16]
