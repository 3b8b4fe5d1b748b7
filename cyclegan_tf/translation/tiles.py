"""Translates large images in overlapping tiles, exactly up to rounding.

An output pixel depends on others in two ways. Convolutions depend on nearby pixels, so each tile
is translated with a margin of the receptive radius, which is then cropped. Norms depend on each
channel's mean and variance over the whole image, so these are computed first, norm by norm: all
tiles run up to the first norm, which gives its statistics, then up to the second, and so on. All
tiles are then normalized equally, without seams, as in a pass over the whole image.
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
    """Position of a tile along one side: its core, and the window that the network sees."""

    core: slice
    window: slice

    @property
    def inside(self) -> tuple[int, int]:
        """Start and end of the core within the window."""
        return self.core.start - self.window.start, self.core.stop - self.window.start


def spans(side: int, core: int, overlap: int) -> list[Span]:
    """Divide a side into cores, each in a window that adds `overlap` on both sides.

    All windows have the same length; at the border of the image they extend further inwards.

    Args:
        side: Side of the image in pixels. All arguments are multiples that the network needs.
        core: Length of a core.
        overlap: Margin on each side of a core.
    """
    length = min(side, core + 2 * overlap)
    starts = [max(0, min(at - overlap, side - length)) for at in range(0, side, core)]
    return [
        Span(slice(at, min(at + core, side)), slice(start, start + length))
        for at, start in zip(range(0, side, core), starts, strict=True)
    ]


class TileTranslator:
    """Translates an image of any size in tiles.

    Args:
        generator: float32 `(batch, height, width, channels)` in [-1, 1], both input and output.
        tile: Side of a tile in pixels, without the overlap; rounded up to the multiple that the
            network needs.
        progress: Whether to show a progress bar for each image.

    Raises:
        UserError: If the network has layers that do not work on part of an image.
    """

    def __init__(self, generator: keras.Model, tile: int, progress: bool = False) -> None:
        self._multiple = size_multiple(generator)
        self.overlap = self._rounded(receptive_radius(generator))
        self._core = self._rounded(tile)
        self._quiet = not progress
        self._network, self._norms = with_given_statistics(generator)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Translate an image, uint8 `(height, width, channels)`, to the same format."""
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
        """Compute count, mean and variance of a core at the first norm without statistics."""
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
    """Merge counts, means and variances of tiles into mean and variance of the whole image."""
    counts, means, variances = (
        np.stack(values).astype(float) for values in zip(*parts, strict=True)
    )
    share = (counts / counts.sum())[:, np.newaxis]
    mean = (share * means).sum(0)
    variance = (share * (variances + (means - mean) ** 2)).sum(0)
    return mean.astype(np.float32), variance.astype(np.float32)
