"""Large pictures, translated in tiles that overlap, with the result of the whole picture.

Two things tie a network's pixel to others. What its convolutions see is near, so a tile is
translated with so much of its surroundings that nothing else matters, and the surroundings are
cut off again. What its norms take from the whole picture, each channel's mean and variance, is
computed first, norm by norm: tiles are sent as far as the first norm, which gives that norm's
statistics, then as far as the second, and so on. All tiles are then normalized alike, so
there is no seam, and the result is that of the whole image up to rounding.
"""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from cyclegan_tf.images.images import to_float, to_uint8
from cyclegan_tf.models.layers import size_multiple
from cyclegan_tf.models.receptive_field import receptive_radius
from cyclegan_tf.models.statistics import with_given_statistics
from cyclegan_tf.progress import progress_bar
from cyclegan_tf.translation.network import mirrored

Moments = tuple[np.ndarray, np.ndarray]


class Span(NamedTuple):
    """A tile's place along one side: the core that it is for, and the window that it sees."""

    core: slice
    window: slice

    @property
    def inside(self) -> tuple[int, int]:
        """Where the core begins and ends within the window."""
        return self.core.start - self.window.start, self.core.stop - self.window.start


def spans(side: int, core: int, overlap: int) -> list[Span]:
    """Divides a side into cores, each in a window of one length that reaches `overlap` further.

    At the picture's border, where there is no further, a window reaches further inwards.

    Args:
        side: Of the picture, a multiple of what the network needs, as are the others.
        core: Of a tile.
        overlap: On each side of a core.
    """
    length = min(side, core + 2 * overlap)
    starts = [max(0, min(at - overlap, side - length)) for at in range(0, side, core)]
    return [
        Span(slice(at, min(at + core, side)), slice(start, start + length))
        for at, start in zip(range(0, side, core), starts, strict=True)
    ]


class TileTranslator:
    """Translates a picture of any size in tiles.

    Args:
        generator: float32 `(batch, height, width, channels)` in [-1, 1], both ways.
        tile: Side of a tile in pixels, without what it overlaps by; rounded up to what the
            network needs.
        progress: Whether to show a bar for each picture.

    Raises:
        UserError: If the network has layers that do not work on a part of a picture.
    """

    def __init__(self, generator: keras.Model, tile: int, progress: bool = False) -> None:
        self._multiple = size_multiple(generator)
        self.overlap = self._rounded(receptive_radius(generator))
        self._core = self._rounded(tile)
        self._quiet = not progress
        self._network, self._norms = with_given_statistics(generator)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Translates a picture: uint8 `(height, width, channels)`, to the same."""
        height, width = image.shape[:2]
        rows, columns = (mirrored(side, self._multiple).numpy() for side in (height, width))
        tiles = [
            (down, across)
            for down in spans(len(rows), self._core, self.overlap)
            for across in spans(len(columns), self._core, self.overlap)
        ]

        def window(tile: tuple[Span, Span]) -> np.ndarray:
            down, across = tile
            return image[np.ix_(rows[down.window], columns[across.window])][np.newaxis]

        given: list[Moments] = []
        result = np.empty((height, width, self._network.output_shape[-1]), np.uint8)
        count = len(tiles) * (len(self._norms) + 1)
        with progress_bar(total=count, desc="tiles", leave=False, shown=not self._quiet) as bar:
            for _ in self._norms:
                parts = []
                for tile in tiles:
                    core = np.array([span.inside for span in tile], np.int32)
                    part = self._moments(window(tile), core, given)
                    parts.append([value.numpy() for value in part])
                    bar.update()
                given.append(_joined(parts))
            for down, across in tiles:
                translated = self._translated(window((down, across)), given).numpy()[0]
                (top, bottom), (left, right) = down.inside, across.inside
                place = result[down.core, across.core]
                place[:] = translated[top:bottom, left:right][: place.shape[0], : place.shape[1]]
                bar.update()
        return result

    def _rounded(self, side: int) -> int:
        return -(-side // self._multiple) * self._multiple

    @tf.function(reduce_retracing=True)
    def _moments(
        self, window: tf.Tensor, core: tf.Tensor, given: list[Moments]
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Computes what the first norm that has no statistics yet needs of a tile's core."""
        self._run(window, given)
        met = tf.cast(self._norms[len(given)].met, tf.float32)
        pitch = tf.shape(window)[1] // tf.shape(met)[1]
        (top, bottom), (left, right) = (tf.unstack(edges) for edges in tf.unstack(core // pitch))
        inner = met[0, top:bottom, left:right]
        count = tf.cast(tf.size(inner) // tf.shape(inner)[-1], tf.float32)
        return count, *tf.nn.moments(inner, [0, 1])

    @tf.function(reduce_retracing=True)
    def _translated(self, window: tf.Tensor, given: list[Moments]) -> tf.Tensor:
        return to_uint8(self._run(window, given))

    def _run(self, window: tf.Tensor, given: list[Moments]) -> tf.Tensor:
        for number, norm in enumerate(self._norms):
            norm.given = given[number] if number < len(given) else None
        return self._network(to_float(window), training=False)


def _joined(parts: Sequence[Sequence[np.ndarray]]) -> Moments:
    """Joins counts, means and variances of parts to the mean and the variance of the whole."""
    counts, means, variances = (
        np.stack(values).astype(float) for values in zip(*parts, strict=True)
    )
    share = (counts / counts.sum())[:, np.newaxis]
    mean = (share * means).sum(0)
    variance = (share * (variances + (means - mean) ** 2)).sum(0)
    return mean.astype(np.float32), variance.astype(np.float32)
