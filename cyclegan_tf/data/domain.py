"""The readable pictures of one domain, decoded once and kept as far as memory is given."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from cyclegan_tf.data.folder_source import check_unreadable, some
from cyclegan_tf.data.geometry import Geometry
from cyclegan_tf.data.sources import ImageSource
from cyclegan_tf.images.images import UnreadableImageError
from cyclegan_tf.progress import progress_bar

_AT_ONCE = 64  # Pictures in work while loading; bounds what waits beside the cache.
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Domain:
    """The readable pictures of one domain, fitted to a geometry, by number.

    Attributes:
        names: Of the readable pictures, for messages.
        indices: Where each readable picture stands in its source.
        sizes: Height and width of each, fitted.
        channels: Of all pictures, 1 to 4.
        labels: Whether the pictures are label maps, which their geometry tells.
    """

    names: Sequence[str]
    indices: Sequence[int]
    sizes: Sequence[tuple[int, int]]
    channels: int
    labels: bool
    _read: Callable[[int], np.ndarray] = field(repr=False)
    _cached: Mapping[int, np.ndarray] = field(repr=False)

    @classmethod
    def load(
        cls,
        source: ImageSource,
        geometry: Geometry,
        *,
        cache_gb: float,
        name: str,
        progress: bool = True,
    ) -> "Domain":
        """Decodes every picture once, names the unreadable ones, and keeps what fits.

        Args:
            source: The pictures.
            geometry: What to fit them to.
            cache_gb: Memory for fitted pictures in GiB; the others are decoded each time.
            name: Of the domain, for messages, such as `trainA`.
            progress: Whether to show a bar when it takes longer than two seconds.

        Raises:
            UserError: If more than a quarter of the pictures are unreadable, as soon as that
                is known.
        """

        def read(index: int) -> np.ndarray:
            picture = source[index]
            try:
                return geometry.fit(picture)
            except UnreadableImageError as error:
                raise UnreadableImageError(f"{source.names[index]}: {error}") from error

        cached: dict[int, np.ndarray] = {}
        good: list[int] = []
        sizes: list[tuple[int, int]] = []
        channels = 0
        bad: list[str] = []
        room = cache_gb * 2**30
        for index, outcome in enumerate(_read_all(read, len(source), name, progress)):
            if isinstance(outcome, UnreadableImageError):
                bad.append(str(outcome))
                check_unreadable(f"domain {name}", bad, len(source))
                continue
            good.append(index)
            sizes.append(outcome.shape[:2])
            channels = outcome.shape[-1]
            room -= outcome.nbytes
            if room >= 0:
                cached[index] = outcome
        if bad:
            _log.warning(
                "domain %s: %d of %d pictures are unreadable and skipped: %s",
                *(name, len(bad), len(source), some(bad)),
            )
        names = [source.names[index] for index in good]
        return cls(names, good, sizes, channels, geometry.nearest, read, cached)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, number: int) -> np.ndarray:
        """Gives the fitted picture, uint8 [0, 255], shape `(height, width, channels)`."""
        index = self.indices[number]
        cached = self._cached.get(index)
        return self._read(index) if cached is None else cached


def _read_all(
    read: Callable[[int], np.ndarray], count: int, name: str, progress: bool
) -> Iterator[np.ndarray | UnreadableImageError]:
    """Reads pictures 0 to `count` on all cores, giving them, or why not, in order."""

    def attempt(index: int) -> np.ndarray | UnreadableImageError:
        try:
            return read(index)
        except UnreadableImageError as error:
            return error

    bar = progress_bar(total=count, desc=f"reading domain {name}", delay=2, shown=progress)
    with ThreadPoolExecutor(os.cpu_count()) as pool, bar:
        for start in range(0, count, _AT_ONCE):
            for outcome in pool.map(attempt, range(start, min(start + _AT_ONCE, count))):
                bar.update()
                yield outcome
