"""Shared parts of the built-in data sets: features, label names and required packages."""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from cyclegan_tf.errors import UserError

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

# Class names, by number, of the data sets with label maps in domain B. These are always paired.
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
    """Return the TFDS description of a built-in data set with a fixed image size.

    Args:
        builder: The data set's builder.
        size: Height and width of the images in pixels.
        description: Text describing the content.
        homepage: URL of the images' origin.
        truth_channels: Channels of `b` in the paired form; None for the unpaired form, which has
            the features of TFDS' `cycle_gan`.
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
    """Import a package that only the built-in data sets need.

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
