"""Translating files: any size in, the same size out."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tqdm import tqdm

from cyclegan_tf.errors import UserError
from cyclegan_tf.images import (
    UnreadableImageError,
    find_images,
    grid,
    read_image,
    to_float,
    to_uint8,
    write_image,
)
from cyclegan_tf.models.layers import size_multiple

_log = logging.getLogger(__name__)

# In the middle of a ResNet, a side of 8 is one of 2, the least that can be mirrored by a pixel.
_SMALLEST = 8


@dataclass(frozen=True)
class Translated:
    """What `translate_files` did: how many pictures were written, and which were not, and why."""

    written: int
    failures: dict[str, str]


def translator(generator: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Makes a function that translates one picture of any size.

    The picture is never resized: it is padded to the multiple that the network needs by mirroring
    at its right and lower border, translated, and cropped back.

    Args:
        generator: float32 `(1, height, width, channels)` in [-1, 1], both ways.

    Returns:
        A function from uint8 `(height, width, channels)` to uint8 of the same size.
    """
    multiple = size_multiple(generator)
    translate = frozen(generator)

    @tf.function(reduce_retracing=True)
    def padded_and_cropped(image: tf.Tensor) -> tf.Tensor:
        height, width = tf.unstack(tf.shape(image)[:2])
        rows, columns = _mirrored(height, multiple), _mirrored(width, multiple)
        padded = tf.gather(tf.gather(to_float(image), rows, axis=0), columns, axis=1)
        return to_uint8(translate(padded[tf.newaxis]))[0, :height, :width]

    return lambda image: padded_and_cropped(image).numpy()


def frozen(generator: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a generator with its present weights as constants.

    TensorFlow can then bring kernels into the form its convolutions want once, instead of at each
    call, which matters for single pictures on a CPU.

    Args:
        generator: float32 `(batch, height, width, channels)` in [-1, 1], both ways.
    """
    spec = tf.TensorSpec(generator.input_shape, tf.float32)
    function = tf.function(lambda image: generator(image, training=False), input_signature=[spec])
    constant = convert_variables_to_constants_v2(function.get_concrete_function())
    return lambda image: constant(image)[0]


def translate_files(
    generator: keras.Model,
    source: str | Path,
    output: str | Path,
    output_format: str = "png",
    side_by_side: str | Path | None = None,
    progress: bool = True,
) -> Translated:
    """Translates a picture, or all pictures below a folder.

    Args:
        generator: float32 `(1, height, width, channels)` in [-1, 1], both ways.
        source: A file or a folder.
        output: A folder; a translation keeps its picture's path below `source`, and its stem.
        output_format: Suffix of the translations, such as `png`.
        side_by_side: A folder for sheets of input and translation, if wanted.
        progress: Whether to show a bar.

    Returns:
        What was written and what failed; a file that cannot be read does not stop the others.

    Raises:
        UserError: If there is nothing to translate, two pictures would get one name, the
            output lies in the input, or it cannot be written.
    """
    source, output = Path(source), Path(output)
    root, names = (source.parent, [source.name]) if source.is_file() else (source, None)
    if names is None:
        names, ignored = find_images(source)
        _log.info("%s: %d pictures, %d other files ignored", source, len(names), ignored)
    if not names:
        raise UserError(f"{source} holds no pictures")
    targets = {name: Path(name).with_suffix(f".{output_format}") for name in names}
    for folder in (output, *([Path(side_by_side)] if side_by_side else [])):
        _check_output(source, folder, targets)
    if side_by_side and Path(side_by_side).resolve() == output.resolve():
        raise UserError(f"sheets and translations need folders of their own, not both {output}")
    translate = translator(generator)
    channels = generator.input_shape[-1]
    failures = {}
    for name in tqdm(names, desc="translating", unit="image", disable=not progress):
        try:
            picture = read_image(root / name, channels)
        except UnreadableImageError as error:
            failures[name] = str(error)
            continue
        translated = translate(picture)
        try:
            write_image(output / targets[name], translated)
            if side_by_side is not None:
                sheet = grid([[picture, translated]], ["input", "translation"])
                write_image(Path(side_by_side) / targets[name].with_suffix(".png"), sheet)
        except OSError as error:
            raise UserError(f"cannot write to {output}: {error}") from error
    return Translated(len(names) - len(failures), failures)


def _mirrored(side: tf.Tensor, multiple: int) -> tf.Tensor:
    """Returns which rows make a side a multiple, mirroring at the border.

    The border itself is not repeated, and a side shorter than the padding is mirrored more
    than once, so that pictures of a single pixel pass too.
    """
    period = tf.maximum(2 * side - 2, 1)
    place = tf.range(tf.maximum(side + (-side) % multiple, max(multiple, _SMALLEST))) % period
    return tf.minimum(place, period - place)


def _check_output(source: Path, output: Path, targets: dict[str, Path]) -> None:
    inside = output.resolve().is_relative_to(source.resolve())
    if inside or any(
        (output / target).resolve() == source.resolve() for target in targets.values()
    ):
        raise UserError(f"the output {output} would mix with the pictures to translate in {source}")
    owners: dict[Path, str] = {}
    for name, target in targets.items():
        if target in owners:
            raise UserError(
                f"{owners[target]} and {name} would both be written as {target}; rename one"
            )
        owners[target] = name
