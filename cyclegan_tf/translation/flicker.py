"""Measures and reduces the flicker of translated clips."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from cyclegan_tf.errors import UserError

# Scales of change (0-255) at which a pixel counts as moving: its own change, and that of its
# neighbourhood's mean, which averages out camera and compression noise.
_MOVED, _MOVED_NEARBY = 24.0, 3.0
_NEIGHBOURHOOD = 5


class Flicker:
    """Measures the change between translated frames relative to the input's.

    `ratio` is the mean absolute change between consecutive translated frames, divided by the
    change between consecutive input frames: 1 if the translation moves as much as the clip. It
    is None if the clip does not move or has a single frame.
    """

    def __init__(self) -> None:
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        self._changes = np.zeros(2)

    def see(self, frame: np.ndarray, translated: np.ndarray) -> None:
        """Add the next frame and its translation, uint8 `(height, width, channels)`."""
        if self._last is not None:
            pairs = zip(self._last, (frame, translated), strict=True)
            self._changes += [_change(before, after).mean() for before, after in pairs]
        self._last = frame, translated

    @property
    def ratio(self) -> float | None:
        before, after = self._changes
        return float(after / before) if before else None


def smoother(strength: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Create a function that smooths flicker in static regions of a clip.

    The difference between translation and blurred frame is averaged over frames; n frames back
    the weight is `strength ** n`. This also averages the input's noise, but keeps slow changes
    of light, because the blurred current frame is added back. The average restarts where a pixel
    or its neighbourhood changes, so that moving objects leave no trails.

    Args:
        strength: Strength of the smoothing, in [0, 1); 0 disables it.

    Returns:
        A function to call with each frame and its translation in order, uint8
        `(height, width, channels)`; it returns the smoothed translation.

    Raises:
        UserError: From that function, if frame and translation differ in channels.
    """
    last: tuple[np.ndarray, np.ndarray] | None = None

    def smoothed(frame: np.ndarray, translated: np.ndarray) -> np.ndarray:
        nonlocal last
        if not strength:
            return translated
        if frame.shape != translated.shape:
            raise UserError(
                "`smoothing` needs a network with equal input and output channels, not "
                f"{frame.shape[-1]} to {translated.shape[-1]}"
            )
        coarse = _nearby_mean(frame)
        added = translated - coarse
        if last is not None:
            before, added_before = last
            added += strength * _stillness(before, frame) * (added_before - added)
        last = frame, added
        return np.clip(np.rint(coarse + added), 0, 255).astype(np.uint8)

    return smoothed


def _stillness(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return how static each pixel is, from 0 to 1, `(height, width, 1)`."""
    own = _change(before, after).max(axis=-1, keepdims=True) / _MOVED
    nearby = _change(_nearby_mean(before), _nearby_mean(after)).max(axis=-1, keepdims=True)
    return np.exp(-(own**2) - (nearby / _MOVED_NEARBY) ** 2)


def _nearby_mean(values: np.ndarray) -> np.ndarray:
    return ndimage.uniform_filter(values.astype(np.float32), (_NEIGHBOURHOOD, _NEIGHBOURHOOD, 0))


def _change(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return np.abs(after.astype(np.float32) - before.astype(np.float32))
