"""From sources to batches: a stream in which batch k depends on the seed and k alone.

What is deterministic (decoding, resizing) is done once and kept; what is random (order, crop,
flip, ...) is computed anew for each batch from its number. So a run resumes at any step at no
cost, sees the same batches on any number of replicas, and never gets the same crop for good.
"""

import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from cyclegan_tf.config import UserError
from cyclegan_tf.data import augmentation
from cyclegan_tf.data.geometry import Geometry
from cyclegan_tf.data.sources import ImageSource
from cyclegan_tf.images import UnreadableImageError

_MAX_BAD_FRACTION = 0.25
_NAMED_AT_MOST = 20
_AT_ONCE = 64  # Pictures in work while loading; bounds what waits beside the cache.
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Domain:
    """The readable pictures of one domain, fitted to a geometry, by number.

    Attributes:
        names: Of the readable pictures, for messages.
        indices: Where each readable picture stands in its source.
    """

    names: Sequence[str]
    indices: Sequence[int]
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
            return geometry.fit(source[index])

        cached: dict[int, np.ndarray] = {}
        good: list[int] = []
        bad: list[str] = []
        room = cache_gb * 2**30
        for index, outcome in enumerate(_read_all(read, len(source), name, progress)):
            if isinstance(outcome, UnreadableImageError):
                bad.append(str(outcome))
                if len(bad) > _MAX_BAD_FRACTION * len(source):
                    raise UserError(
                        f"domain {name}: too many of the {len(source)} pictures are unreadable, "
                        f"already {len(bad)}: {_some(bad)}"
                    )
                continue
            good.append(index)
            room -= outcome.nbytes
            if room >= 0:
                cached[index] = outcome
        if bad:
            _log.warning(
                "domain %s: %d of %d pictures are unreadable and skipped: %s",
                *(name, len(bad), len(source), _some(bad)),
            )
        return cls([source.names[index] for index in good], good, read, cached)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, number: int) -> np.ndarray:
        """Gives the fitted picture, uint8 [0, 255], shape `(height, width, channels)`."""
        index = self.indices[number]
        cached = self._cached.get(index)
        return self._read(index) if cached is None else cached

    @property
    def channels(self) -> int:
        """Channels of the pictures, 1 to 4."""
        return self[0].shape[-1]


def _read_all(
    read: Callable[[int], np.ndarray], count: int, name: str, progress: bool
) -> Iterator[np.ndarray | UnreadableImageError]:
    """Reads pictures 0 to `count` on all cores, giving them, or why not, in order."""

    def attempt(index: int) -> np.ndarray | UnreadableImageError:
        try:
            return read(index)
        except UnreadableImageError as error:
            return error

    bar = tqdm(total=count, desc=f"reading domain {name}", delay=2, disable=not progress)
    with ThreadPoolExecutor(os.cpu_count()) as pool, bar:
        for start in range(0, count, _AT_ONCE):
            for outcome in pool.map(attempt, range(start, min(start + _AT_ONCE, count))):
                bar.update()
                yield outcome


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    return "; ".join(names[:_NAMED_AT_MOST]) + (f"; and {more} more" if more > 0 else "")


def keep_pairs(domain_a: Domain, domain_b: Domain) -> tuple[Domain, Domain]:
    """Drops, from two aligned domains, the pictures whose partner was unreadable."""
    both = set(domain_a.indices) & set(domain_b.indices)

    def kept(domain: Domain) -> Domain:
        pairs = zip(domain.names, domain.indices, strict=True)
        names, indices = zip(*(pair for pair in pairs if pair[1] in both), strict=True)
        return replace(domain, names=names, indices=indices)

    return kept(domain_a), kept(domain_b)


def epoch_steps(domain_a: Domain, domain_b: Domain, batch_size: int) -> int:
    """Steps of an epoch: whole batches of the longer domain, at least one."""
    return max(1, max(len(domain_a), len(domain_b)) // batch_size)


def unpaired_dataset(
    domain_a: Domain,
    domain_b: Domain,
    *,
    geometry: Geometry,
    augment: Collection[str],
    batch_size: int,
    seed: int,
    start_step: int = 0,
    stop_step: int | None = None,
) -> tf.data.Dataset:
    """Streams training batches; batch k is a pure function of `seed` and k.

    The p-th picture of the stream in a domain of n pictures is number p mod n of a permutation
    drawn for epoch p div n of this domain, so each domain is walked at its own length. The
    permutation is computed element by element, which is why starting at any step costs nothing.

    Args:
        domain_a: Pictures of domain A, fitted to `geometry`.
        domain_b: Pictures of domain B, likewise.
        geometry: Gives the crop.
        augment: Any of `cyclegan_tf.config.AUGMENTATIONS`.
        batch_size: Over all replicas.
        seed: Any integer.
        start_step: Number of the first batch, from 0.
        stop_step: Number after the last batch; None for a stream without end.

    Returns:
        Pairs `(real_a, real_b)`, float32 in [-1, 1], shape
        `(batch_size, height, width, channels)`.

    Raises:
        UserError: If `batch_size` exceeds 1 where pictures keep their sizes.
    """
    if batch_size > 1 and None in geometry.output_size:
        raise UserError(
            f"preprocess={geometry.preprocess} gives pictures of different sizes, which needs "
            f"batch_size=1, not {batch_size}"
        )

    def picture(domain: Domain, salt: int, position: tf.Tensor) -> tf.Tensor:
        epoch, offset = position // len(domain), position % len(domain)
        root = tf.constant([seed, salt], tf.int64)
        order = tf.random.experimental.stateless_fold_in(root, 2 * epoch)
        last = tf.constant(len(domain) - 1, tf.int64)
        number = tf.random.experimental.index_shuffle(offset, order, last)
        change = tf.random.experimental.stateless_fold_in(root, 2 * position + 1)
        image = augmentation.augment(_fetch(domain, number), change, augment, geometry.crop)
        return tf.ensure_shape(image, (*geometry.output_size, domain.channels))

    stop = tf.int64.max if stop_step is None else stop_step * batch_size
    positions = tf.data.Dataset.range(start_step * batch_size, stop)
    examples = positions.map(
        lambda position: (picture(domain_a, 0, position), picture(domain_b, 1, position)),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    return _unsharded(examples.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE))


def evaluation_pictures(domain: Domain, geometry: Geometry) -> tf.data.Dataset:
    """Gives a domain's pictures in order, cropped at the centre, otherwise unchanged.

    Args:
        domain: The pictures, fitted to `geometry`.
        geometry: Gives the crop.

    Returns:
        float32 in [-1, 1], shape `(1, height, width, channels)`, each.
    """

    def picture(number: tf.Tensor) -> tf.Tensor:
        image = augmentation.augment(
            _fetch(domain, number), tf.zeros(2, tf.int32), (), geometry.crop
        )
        return tf.ensure_shape(image, (*geometry.output_size, domain.channels))

    pictures = tf.data.Dataset.range(len(domain)).map(picture, num_parallel_calls=2)
    return _unsharded(pictures.batch(1).prefetch(2))


def _fetch(domain: Domain, number: tf.Tensor) -> tf.Tensor:
    image = tf.numpy_function(domain.__getitem__, [number], tf.uint8, stateful=False)
    return tf.ensure_shape(image, (None, None, domain.channels))


def _unsharded(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Keeps a distribution strategy from splitting the stream by files, of which it has none."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return dataset.with_options(options)
