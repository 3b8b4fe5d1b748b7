"""Preprocessing modes of the official PyTorch code: resizing and cropping to the network's size."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from cyclegan_tf.config.run_options import PREPROCESS
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import MAX_PIXELS, UnreadableImageError


@dataclass(frozen=True)
class Geometry:
    """How images are resized and cropped, with the modes of the official PyTorch code.

    - `resize_and_crop`: resize to `load_size` x `load_size`, then crop to `crop_size`.
    - `resize`: resize to `load_size` x `load_size`.
    - `crop`: crop to `crop_size`. Differs from the official code, which fails on smaller
      images: they are enlarged until they cover the crop.
    - `scale_width`: resize to width `load_size` and proportional height, at least `crop_size`.
    - `scale_width_and_crop`: the same, then crop to `crop_size`.
    - `none`: unchanged.

    Without a crop, images are then resized so that each side is a multiple of `multiple`, as the
    networks require (the official code does so for `none` only, with multiples of 4).

    Attributes:
        preprocess: One of `cyclegan_tf.config.run_options.PREPROCESS`.
        load_size: Size to resize to, in pixels.
        crop_size: Side of the crop, in pixels.
        multiple: Required divisor of the sides of an image, in pixels.
        nearest: Whether to resize with the nearest pixel instead of bicubic interpolation.
            Required for label maps.
    """

    preprocess: str = "resize_and_crop"
    load_size: int = 286
    crop_size: int = 256
    multiple: int = 4
    nearest: bool = False

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UserError: If the mode is unknown, or the crop is larger than the resized image.
        """
        if self.preprocess not in PREPROCESS:
            modes = ", ".join(PREPROCESS)
            raise UserError(f"preprocess must be one of {modes}, not {self.preprocess!r}")
        resized = self.preprocess in ("resize_and_crop", "scale_width_and_crop")
        if resized and self.crop_size > self.load_size:
            raise UserError(
                f"crop_size ({self.crop_size}) must be at most load_size ({self.load_size})"
            )

    @property
    def crop(self) -> int | None:
        """Side of the crop in pixels, or None."""
        return self.crop_size if self.preprocess.endswith("crop") else None

    @property
    def output_size(self) -> tuple[int | None, int | None]:
        """Height and width of the networks' input in pixels; None where images differ."""
        if self.preprocess == "scale_width":
            return None, self._rounded(self.load_size)
        if self.preprocess == "none":
            return None, None
        side = self.crop or self._rounded(self.load_size)
        return side, side

    def fit(self, image: np.ndarray) -> np.ndarray:
        """Resize an image. The crop, if any, comes later.

        Args:
            image: uint8 in [0, 255], shape `(height, width, channels)`.

        Returns:
            uint8 in [0, 255], same number of channels.

        Raises:
            UnreadableImageError: If the result would exceed `images.MAX_PIXELS`, for example if an
                image of one row is enlarged until it covers the crop.
        """
        height, width, channels = image.shape
        size = self._fitted(height, width)
        if size[0] * size[1] > MAX_PIXELS:
            raise UnreadableImageError(
                f"{width}x{height} pixels are too narrow for preprocess={self.preprocess}: the "
                f"image would be resized to {size[1]}x{size[0]}"
            )
        if size == (height, width):
            return image
        pillow_image = Image.fromarray(image[..., 0] if channels == 1 else image)
        method = Image.Resampling.NEAREST if self.nearest else Image.Resampling.BICUBIC
        resized = pillow_image.resize(size[::-1], method)
        return np.asarray(resized).reshape(*size, channels)

    def _fitted(self, height: int, width: int) -> tuple[int, int]:
        if self.preprocess.startswith("resize"):
            height = width = self.load_size
        elif self.preprocess.startswith("scale_width"):
            height = max(int(self.load_size * height / width), self.crop_size)
            width = self.load_size
        elif self.preprocess == "crop":
            scale = max(1.0, self.crop_size / min(height, width))
            height, width = round(height * scale), round(width * scale)
        if self.crop is None:
            height, width = self._rounded(height), self._rounded(width)
        return height, width

    def _rounded(self, side: int) -> int:
        return max(self.multiple, round(side / self.multiple) * self.multiple)
