"""Tiles: what comes of them is what comes of the whole picture."""

import keras
import numpy as np
import pytest
from known_networks import identity, noise

from cyclegan_tf.errors import UserError
from cyclegan_tf.models.generators import generator
from cyclegan_tf.translation.network import translator
from cyclegan_tf.translation.tiles import TileTranslator, spans


def trained(architecture, **options):
    """A network whose results differ from pixel to pixel, as a trained one's do."""
    keras.utils.set_random_seed(0)
    return generator(architecture, filters=4, init_gain=0.3, **options)


def picture(height, width):
    """Regions unlike each other, so that no tile has the statistics of the whole."""
    rows, columns = np.mgrid[:height, :width]
    waves = 100 * np.sin(rows / 17) * np.cos(columns / 23) + columns / width * 120
    return np.clip(waves[..., np.newaxis] + noise(height, width) / 4, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("side", [8, 40, 64, 100, 256])
@pytest.mark.parametrize(("core", "overlap"), [(16, 0), (16, 8), (32, 12), (64, 64)])
def test_cores_tile_a_side_and_windows_hold_them_with_their_surroundings(side, core, overlap):
    places = spans(side, core, overlap)
    covered = [at for place in places for at in range(place.core.start, place.core.stop)]
    assert covered == list(range(side))
    for place in places:
        assert place.window.start <= max(0, place.core.start - overlap)
        assert place.window.stop >= min(side, place.core.stop + overlap)
        assert 0 <= place.window.start and place.window.stop <= side
        top, bottom = place.inside
        assert place.window.start + top == place.core.start
        assert bottom - top == place.core.stop - place.core.start
    # One size for all, so that a graph is built once.
    assert len({place.window.stop - place.window.start for place in places}) == 1


@pytest.mark.parametrize("size", [(130, 201), (64, 64), (33, 300)])
def test_pixels_stay_in_their_places(size):
    image = picture(*size)
    np.testing.assert_array_equal(TileTranslator(identity(), 32)(image), image)


# Those that look at single pixels far apart only: exact, but for how a kernel's sums are grouped.
@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("resnet_2", {"norm": "none"}),
        ("resnet_2", {"norm": "batch", "eval_mode": True}),
        ("gated_resnet_1", {"norm": "none"}),
        ("unet_32", {"norm": "batch", "eval_mode": True}),
        ("encoder_decoder", {"norm": "none"}),
        ("segnet", {"norm": "batch", "eval_mode": True}),
        ("resnet_1", {"norm": "instance"}),
        ("resnet_1", {"norm": "batch"}),
        ("gated_resnet_2", {"norm": "instance"}),
        ("gated_resnet_1", {"norm": "instance", "upsampling": "resize"}),
    ],
    ids=str,
)
def test_tiles_give_the_whole_pictures_translation(architecture, options):
    network = trained(architecture, **options)
    image = picture(203, 330)
    in_tiles = TileTranslator(network, 64)
    # Several tiles, of which some see neither border.
    assert 3 * (64 + in_tiles.overlap) > 64 + 2 * in_tiles.overlap
    whole = translator(network)(image)
    assert whole.std() > 5
    # Convolutions group their sums by a picture's shape: a level, where one is on the edge of
    # another, and there only.
    difference = np.abs(whole.astype(int) - in_tiles(image))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.02


def test_without_the_whole_pictures_statistics_it_would_not():
    network = trained("resnet_1")
    image = picture(200, 320)
    whole = translator(network)(image).astype(int)
    alone = np.concatenate(
        [translator(network)(image[:, at : at + 64]) for at in range(0, 320, 64)], axis=1
    )
    assert np.abs(whole - alone).max() > 10


def test_what_a_network_needs_is_respected():
    network = trained("resnet_1", norm="none")
    tiles = TileTranslator(network, 30)
    assert tiles.overlap % 4 == 0
    result = tiles(picture(50, 70))
    assert (result.shape, result.dtype) == ((50, 70, 3), np.uint8)


def test_a_network_that_cannot_work_in_tiles_says_so():
    with pytest.raises(UserError, match="`tile=0`"):
        TileTranslator(trained("unet_64", dropout=True), 64)
