"""How restless a translated clip is, and making it less so."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from cyclegan_tf.errors import UserError

# Changes, in levels of 255, by which a pixel counts as moving: its own, and that of the mean of
# its neighbourhood, which is still under the noise of a camera or of compression.
_MOVED, _MOVED_NEARBY = 24.0, 3.0
_NEIGHBOURHOOD = 5


class Flicker:
    """Compares how much frames change after translation with how much they change before.

    `ratio` is the mean absolute change between consecutive translated frames over that between
    consecutive input frames: 1 if the translation moves as much as the clip. None where the clip
    does not move, or has a single frame.
    """

    def __init__(self) -> None:
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        self._changes = np.zeros(2)

    def see(self, frame: np.ndarray, translated: np.ndarray) -> None:
        """Takes the next frame and its translation: uint8 `(height, width, channels)`."""
        if self._last is not None:
            pairs = zip(self._last, (frame, translated), strict=True)
            self._changes += [_change(before, after).mean() for before, after in pairs]
        self._last = frame, translated

    @property
    def ratio(self) -> float | None:
        before, after = self._changes
        return float(after / before) if before else None


def smoother(strength: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Makes a function that takes flicker from where a clip stands still.

    What a translation adds to its frame, seen without fine detail, is averaged over frames: the
    one n frames back weighs `strength ** n`. So the noise of the input is averaged, too, and a
    slow change of light is not, for the translation rests on the present frame. A pixel that
    changed, or whose neighbourhood did, starts anew, so that nothing is dragged behind what moves.

    Args:
        strength: In [0, 1); 0 changes nothing.

    Returns:
        A function that takes one frame after another, and its translation, uint8
        `(height, width, channels)`, and gives the translation to show.

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
                "`smoothing` needs a network with as many channels out as in, not "
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
    """Returns how much each pixel stands still, from 0 to 1: `(height, width, 1)`."""
    own = _change(before, after).max(axis=-1, keepdims=True) / _MOVED
    nearby = _change(_nearby_mean(before), _nearby_mean(after)).max(axis=-1, keepdims=True)
    return np.exp(-(own**2) - (nearby / _MOVED_NEARBY) ** 2)


def _nearby_mean(values: np.ndarray) -> np.ndarray:
    return ndimage.uniform_filter(values.astype(np.float32), (_NEIGHBOURHOOD, _NEIGHBOURHOOD, 0))


def _change(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return np.abs(after.astype(np.float32) - before.astype(np.float32))
