"""The readable images of one domain, decoded once and cached up to a memory limit."""

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

_AT_ONCE = 64  # Images in flight while loading; bounds the memory used besides the cache.
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Domain:
    """The readable images of one domain, resized to a geometry and accessed by number.

    Attributes:
        names: Names of the readable images, for messages.
        indices: Index of each readable image in its source.
        sizes: Height and width of each image after resizing, in pixels.
        channels: Channels of every image, 1 to 4.
        labels: Whether the images are label maps, as given by their geometry.
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
        """Decode every image once, log unreadable ones, and cach images up to a limit.

        Args:
            source: The images.
            geometry: How to resize them.
            cache_gb: Memory for resized images in GiB; the others are decoded at each use.
            name: Name of the domain for messages, such as `trainA`.
            progress: Whether to show a progress bar after two seconds.

        Raises:
            UserError: As soon as more than a quarter of the images are unreadable.
        """

        def read(index: int) -> np.ndarray:
            image = source[index]
            try:
                return geometry.fit(image)
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
                "domain %s: %d of %d images are unreadable and skipped: %s",
                *(name, len(bad), len(source), some(bad)),
            )
        names = [source.names[index] for index in good]
        return cls(names, good, sizes, channels, geometry.nearest, read, cached)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, number: int) -> np.ndarray:
        """Return a resized image, uint8 [0, 255], shape `(height, width, channels)`."""
        index = self.indices[number]
        cached = self._cached.get(index)
        return self._read(index) if cached is None else cached


def _read_all(
    read: Callable[[int], np.ndarray], count: int, name: str, progress: bool
) -> Iterator[np.ndarray | UnreadableImageError]:
    """Read `count` images on all cores and yield them, or their errors, in order."""

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
