"""What the built-in data sets have in common: features, label names and the packages they need."""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from cyclegan_tf.errors import UserError

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

# Names of the classes, by number, where domain B holds label maps. Those data sets are paired.
LABELS = {
    "avatars/parts": (
        *("background", "skin", "hair", "clothes"),
        *("eyes", "eyebrows", "mouth", "nose"),
    )
}


def data_set_info(
    builder: "tfds.core.DatasetBuilder",
    size: int,
    description: str,
    homepage: str,
    truth_channels: int | None = None,
) -> "tfds.core.DatasetInfo":
    """Describes a built-in data set, with the size of its pictures fixed.

    Args:
        builder: The builder that is described.
        size: Height and width of the pictures in pixels.
        description: What the data set shows.
        homepage: Where its pictures come from.
        truth_channels: Of `b` in the paired form; None for the unpaired form, whose features are
            those of TFDS' `cycle_gan`.
    """
    import tensorflow_datasets as tfds

    def image(channels: int) -> tfds.features.Image:
        return tfds.features.Image(shape=(size, size, channels), encoding_format="png")

    features = {"image": image(3), "label": tfds.features.ClassLabel(names=["A", "B"])}
    if truth_channels:
        features = {"a": image(3), "b": image(truth_channels)}
    return tfds.core.DatasetInfo(
        builder=builder,
        description=description,
        features=tfds.features.FeaturesDict(features),
        homepage=homepage,
        supervised_keys=tuple(features),
        disable_shuffling=True,  # testA and testB are aligned by their order
    )


def demo_data_package(name: str) -> ModuleType:
    """Imports a package that only the built-in data sets need.

    Args:
        name: Its import name, such as `resvg_py`.

    Raises:
        UserError: If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(
            f"the built-in data sets need the package {name}, which cannot be imported ({error}); "
            "install it with: pip install 'cyclegan_tf[demo-data]'"
        ) from error
