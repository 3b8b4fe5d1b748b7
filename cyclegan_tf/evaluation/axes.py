"""Vertical axes that suit what is drawn, and their labelled places."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Curves that fall by more than this are straight lines along an axis unless it is logarithmic.
LARGE_RANGE = 20
# Of the raw values this part is shown at least; a few spikes would flatten all the rest.
SHOWN = 0.98


@dataclass(frozen=True)
class Axis:
    """A vertical axis from `low` to `high`, logarithmic or not."""

    low: float
    high: float
    logarithmic: bool

    @classmethod
    def of(
        cls, raw: Sequence[np.ndarray], smoothed: Sequence[np.ndarray], marked: float | None
    ) -> "Axis":
        """Chooses an axis for curves.

        Args:
            raw: What was recorded, float64 of any shape; NaN does not count.
            smoothed: Its running means, all of which are shown.
            marked: A value that is to be seen, too.
        """
        values, means = np.concatenate(raw), np.concatenate(smoothed)
        margin = (1 - SHOWN) / 2
        low, high = np.nanquantile(values, [margin, 1 - margin])
        others = [] if marked is None else [marked]
        low, high = min(low, np.nanmin(means), *others), max(high, np.nanmax(means), *others)
        if np.nanmin(values) > 0 and low > 0 and np.nanmax(means) > LARGE_RANGE * np.nanmin(means):
            return cls(float(low), float(high), True)
        low = min(low, 0.0)
        high = high if high > low else low + 1.0
        room = 0.04 * (high - low)
        return cls(float(low - room if low < 0 else 0.0), float(high + room), False)

    def place(self, value: float) -> float:
        """Returns where a value lies; no further out than a line that leaves the plot needs."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return min(max(1000 * (value - low) / (high - low), -1000.0), 2000.0)

    def ticks(self) -> list[float]:
        """Returns the values to be labelled."""
        if not self.logarithmic:
            return ticks(self.low, self.high)
        exponents = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for digits in ((1, 2, 5), (1, 3), (1,)):
            found = [digit * 10.0**e for e in exponents for digit in digits]
            found = [value for value in found if self.low <= value <= self.high]
            if len(found) <= 6:
                break
        return found


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Returns round numbers between two, evenly spaced by 1, 2 or 5 times a power of ten."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    # What a float's last digit lacks must not leave the end out.
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]
