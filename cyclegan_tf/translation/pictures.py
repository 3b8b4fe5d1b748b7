"""Translating pictures of any size within bounded memory: in batches, or in tiles."""

from collections.abc import Sequence
from functools import cached_property

import keras
import numpy as np
import tensorflow as tf

from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import ImageFunction
from cyclegan_tf.translation.network import batch_translator
from cyclegan_tf.translation.options import TranslationOptions
from cyclegan_tf.translation.tiles import TileTranslator

# What is translated at once has no more pixels, unless tiles are switched off. `resnet_9` with 64
# filters then takes 7.4 GiB on a CPU, and in tiles of the size below about 3.
_AT_ONCE = 2048**2
_TILE = 1024


class PictureTranslator:
    """Translates pictures as the options say.

    Args:
        generator: float32 `(batch, height, width, channels)` in [-1, 1], both ways.
        options: Those of batches and tiles have an effect here.
        progress: Whether to show a bar for each picture in tiles.
    """

    def __init__(
        self, generator: keras.Model, options: TranslationOptions, progress: bool = False
    ) -> None:
        self._generator = generator
        self._progress = progress
        self._options = options
        self.channels: int = generator.input_shape[-1]

    def batch_size(self, area: int) -> int:
        """Returns how many pictures of so many pixels are translated at once."""
        return max(1, min(self._options.batch_size, _AT_ONCE // max(area, 1)))

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Translates pictures, uint8 `(height, width, channels)`, together if of one size.

        Raises:
            UserError: If the network does not work in tiles, or memory does not suffice.
        """
        try:
            if len({p.shape for p in pictures}) == 1 and not self._in_tiles(pictures[0]):
                return list(self._whole(np.stack(pictures)))
            return [
                self._tiled(p) if self._in_tiles(p) else self._whole(p[np.newaxis])[0]
                for p in pictures
            ]
        except tf.errors.ResourceExhaustedError as error:
            sizes = " and ".join(sorted({f"{p.shape[1]}x{p.shape[0]}" for p in pictures}))
            raise UserError(
                f"memory does not suffice for {len(pictures)} pictures of {sizes}: give a smaller "
                "`batch_size` or `tile`"
            ) from error

    def _in_tiles(self, picture: np.ndarray) -> bool:
        height, width = picture.shape[:2]
        if self._options.tile is None:
            return height * width > _AT_ONCE
        return 0 < self._options.tile < max(height, width)

    @cached_property
    def _whole(self) -> ImageFunction:
        return batch_translator(self._generator)

    @cached_property
    def _tiled(self) -> ImageFunction:
        return TileTranslator(self._generator, self._options.tile or _TILE, self._progress)
