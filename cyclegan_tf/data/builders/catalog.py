"""Built-in data sets: rendered or cropped from installed packages, with known ground truth.

They are TensorFlow Datasets builders in two forms:

* unpaired, with the splits `trainA`, `trainB`, `testA` and `testB` of TFDS' own `cycle_gan`.
  Unlike there, the i-th image of `testB` is the ground truth for the i-th of `testA`. The
  training domains share no person and no location;
* paired, with the splits `train` and `test`, each example an image `a` and its ground truth `b`.

TFDS takes seconds to import, so only the functions that need it import it.
"""

import contextlib
import io
from typing import TYPE_CHECKING

from cyclegan_tf.data.builders.features import LABELS
from cyclegan_tf.errors import UserError

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

BUILTIN_NAMES = (
    "avatars/blond2ginger",
    "avatars/short2long",
    "avatars/parts",
    "earth/satellite2relief",
)


def builtin_builder(
    name: str, load_size: int, data_dir: str | None = None, paired: bool = False
) -> "tfds.core.DatasetBuilder":
    """Return the builder of a built-in data set; `prepare` then generates the data.

    Args:
        name: One of `BUILTIN_NAMES`.
        load_size: The size in pixels that images will be resized to. Avatars are rendered at the
            smaller of 64 and 128 px that is at least this (128 px when it is larger than both);
            the earth is always cropped at 128 px.
        data_dir: Folder of prepared data sets; default: `$TFDS_DATA_DIR`, or if unset,
            `~/tensorflow_datasets`.
        paired: Whether to return the paired form, the only one for data sets in `LABELS`.

    Raises:
        UserError: If the name is unknown.
    """
    if name not in BUILTIN_NAMES:
        raise UserError(
            f"unknown built-in data set {name!r}; expected one of {', '.join(BUILTIN_NAMES)}"
        )
    family, translation = name.split("/")
    if family == "earth":
        from cyclegan_tf.data.builders.earth import Earth

        return Earth(config=translation + ("_paired" if paired else ""), data_dir=data_dir)
    from cyclegan_tf.data.builders.avatars import SIZES, Avatars

    size = next((size for size in SIZES if size >= load_size), SIZES[-1])
    config = f"{translation}_{size}" + ("_paired" if paired and name not in LABELS else "")
    return Avatars(config=config, data_dir=data_dir)


def prepare(builder: "tfds.core.DatasetBuilder") -> None:
    """Generate a built-in data set under the builder's `data_dir`, unless it exists.

    Two processes may prepare the same data set at once: each writes to its own folder, the
    first to finish moves it into place, and the other uses that.

    Raises:
        UserError: If a package that provides the images is not installed.
        OSError: If the data cannot be written.
    """
    try:
        # TFDS announces a download of unknown size, although nothing is downloaded.
        with contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare()
    except OSError:
        if not builder.data_path.exists():
            raise
    # TFDS skips this when another process was faster.
    builder.info.read_from_directory(builder.data_dir)
