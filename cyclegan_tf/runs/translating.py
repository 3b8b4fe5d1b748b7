"""Translating images and files with an opened run."""

import os
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from PIL import Image

from cyclegan_tf.images.images import as_pixels
from cyclegan_tf.runs.run import Run, check_direction
from cyclegan_tf.translation.options import TranslationOptions
from cyclegan_tf.translation.pictures import PictureTranslator

# Compiled networks of each open run, by direction.
_TRANSLATORS: "WeakKeyDictionary[Run, dict[str, PictureTranslator]]" = WeakKeyDictionary()


def translate_images(run: Run, images: Any, direction: str) -> Any:
    """Translate images in memory, see `Run.translate`."""
    direction = check_direction(run, direction)
    known = _TRANSLATORS.setdefault(run, {})
    if direction not in known:
        options = TranslationOptions(batch_size=1)
        known[direction] = PictureTranslator(run.generators[direction], options)
    network = known[direction]

    def translated(image: Any) -> np.ndarray:
        return network([as_pixels(image, network.channels)])[0]

    if isinstance(images, (list, tuple)):
        return type(images)(map(translated, images))
    single = (np.ndarray, Image.Image, str, os.PathLike)
    if isinstance(images, Iterable) and not isinstance(images, single):
        return map(translated, images)
    return translated(images)
