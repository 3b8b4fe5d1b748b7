"""Data sets that need no download: drawn or cut from installed packages, with known truths.

They are TensorFlow Datasets builders in two forms:

* unpaired, with the splits `trainA`, `trainB`, `testA` and `testB` of TFDS' own `cycle_gan`.
  Unlike there, the i-th picture of `testB` is the truth for the i-th of `testA`, while the
  training domains share no person and no place;
* paired, with the splits `train` and `test`, each example a picture `a` and its truth `b`.

TFDS takes seconds to import, so this module leaves that to the functions that need it.
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
    """Returns the builder of a built-in data set, prepared or not; see `prepare`.

    Args:
        name: One of `BUILTIN_NAMES`.
        load_size: The size in pixels that pictures will be resized to. Avatars are drawn at the
            smaller of 64 and 128 px that is at least this (128 px when it is larger than both);
            the earth is always cut at 128 px.
        data_dir: Where prepared data sets lie; by default `$TFDS_DATA_DIR`, and without it
            `~/tensorflow_datasets`.
        paired: Whether it comes in the paired form; those in `LABELS` always do.

    Raises:
        UserError: If there is no such data set.
    """
    if name not in BUILTIN_NAMES:
        raise UserError(
            f"there is no built-in data set {name!r}; expected one of {', '.join(BUILTIN_NAMES)}"
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
    """Draws a built-in data set and stores it under the builder's `data_dir`, unless it is there.

    Two processes may prepare the same data set at once: each writes to a folder of its own, the
    first to end moves it into place, and the other one uses that.

    Raises:
        UserError: If the packages that the pictures come from are not installed.
        OSError: If the data cannot be written.
    """
    try:
        # TFDS announces a download of unknown size, but there is none.
        with contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare()
    except OSError:
        if not builder.data_path.exists():
            raise
    # TFDS does not do this where another process was first.
    builder.info.read_from_directory(builder.data_dir)
