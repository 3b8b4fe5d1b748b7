"""Translates images of any size within bounded memory, in batches or in tiles."""

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

# Maximum pixels per call of the network, unless tiles are disabled. At the maximum, `resnet_9` with
# 64 filters takes 7.4 GiB on a CPU, and in tiles of the size below about 3 GiB.
_AT_ONCE = 2048**2
_TILE = 1024


class PictureTranslator:
    """Translates images in batches or tiles.

    Args:
        generator: float32 `(batch, height, width, channels)` in [-1, 1], both input and output.
        options: `batch_size` and `tile` have an effect here.
        progress: Whether to show a progress bar for each image in tiles.
    """

    def __init__(
        self, generator: keras.Model, options: TranslationOptions, progress: bool = False
    ) -> None:
        self._generator = generator
        self._progress = progress
        self._options = options
        self.channels: int = generator.input_shape[-1]

    def batch_size(self, area: int) -> int:
        """Return the batch size for images of an area in pixels."""
        return max(1, min(self._options.batch_size, _AT_ONCE // max(area, 1)))

    def __call__(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Translate images, uint8 `(height, width, channels)`, as one batch if of one size.

        Raises:
            UserError: If the network does not work in tiles, or memory runs out.
        """
        try:
            if len({p.shape for p in images}) == 1 and not self._in_tiles(images[0]):
                return list(self._whole(np.stack(images)))
            return [
                self._tiled(p) if self._in_tiles(p) else self._whole(p[np.newaxis])[0]
                for p in images
            ]
        except tf.errors.ResourceExhaustedError as error:
            sizes = " and ".join(sorted({f"{p.shape[1]}x{p.shape[0]}" for p in images}))
            raise UserError(
                f"out of memory while translating {len(images)} images of {sizes}; use a smaller "
                "`batch_size` or `tile`"
            ) from error

    def _in_tiles(self, image: np.ndarray) -> bool:
        height, width = image.shape[:2]
        if self._options.tile is None:
            return height * width > _AT_ONCE
        return 0 < self._options.tile < max(height, width)

    @cached_property
    def _whole(self) -> ImageFunction:
        return batch_translator(self._generator)

    @cached_property
    def _tiled(self) -> ImageFunction:
        return TileTranslator(self._generator, self._options.tile or _TILE, self._progress)
