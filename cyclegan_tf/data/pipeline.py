"""From sources to batches: a stream in which batch k depends on the seed and k alone.

What is deterministic (decoding, resizing) is done once and kept; what is random (order, crop,
flip, ...) is computed anew for each batch from its number. So a run resumes at any step at no
cost, sees the same batches on any number of replicas, and never gets the same crop for good.
"""

import contextlib
import os
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

import tensorflow as tf

from cyclegan_tf.data import augmentation
from cyclegan_tf.data.domain import Domain
from cyclegan_tf.data.folder_source import some
from cyclegan_tf.data.geometry import Geometry
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import UnreadableImageError


@dataclass(frozen=True)
class Share:
    """The part of every global batch that one of several input pipelines gives.

    Args:
        index: Of the pipeline.
        count: Of pipelines; each gives as many neighbouring pictures of a batch.
        replicas: Over all pipelines; each takes as many neighbouring pictures.
    """

    index: int = 0
    count: int = 1
    replicas: int = 1


def keep_pairs(domain_a: Domain, domain_b: Domain) -> tuple[Domain, Domain]:
    """Drops, from two aligned domains, the pictures whose partner was unreadable."""
    both = set(domain_a.indices) & set(domain_b.indices)

    def kept(domain: Domain) -> Domain:
        pictures = zip(domain.indices, domain.names, domain.sizes, strict=True)
        indices, names, sizes = zip(*(one for one in pictures if one[0] in both), strict=True)
        return replace(domain, indices=indices, names=names, sizes=sizes)

    return kept(domain_a), kept(domain_b)


@contextlib.contextmanager
def naming_pictures() -> Iterator[None]:
    """Names the picture where a stream ends because one can no longer be read.

    TensorFlow passes on what went wrong as text alone.

    Raises:
        UnreadableImageError: In place of TensorFlow's error.
        UserError: Likewise, if more than the picture is damaged, as where it is packed.
    """
    kinds = f"{UnreadableImageError.__name__}|{UserError.__name__}"
    try:
        yield
    except tf.errors.OpError as error:
        found = re.search(rf"\b({kinds}): (.+)", error.message)
        if found is None:
            raise
        if found[1] == UserError.__name__:
            raise UserError(found[2]) from error
        reason = f"{found[2]}; it could be read before, so put it back and go on"
        raise UnreadableImageError(reason) from error


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
    share: Share = Share(),
) -> tf.data.Dataset:
    """Streams training batches; batch k is a pure function of `seed` and k.

    The p-th picture of the stream in a domain of n pictures is number p mod n of a permutation
    drawn for epoch p div n of this domain, so each domain is walked at its own length. The
    permutation is computed element by element, which is why starting at any step costs nothing.

    Args:
        domain_a: Pictures of domain A, fitted to `geometry`.
        domain_b: Pictures of domain B, likewise.
        geometry: Gives the crop.
        augment: Any of `cyclegan_tf.config.run_options.AUGMENTATIONS`.
        batch_size: Over all replicas.
        seed: Any integer.
        start_step: Number of the first batch, from 0.
        stop_step: Number after the last batch; None for a stream without end.
        share: The part of each batch that is wanted.

    Returns:
        Pairs `(real_a, real_b)`, float32 in [-1, 1], shape
        `(batch_size / replicas, height, width, channels)`.

    Raises:
        UserError: If `batch_size` exceeds 1 where pictures keep their sizes.
    """

    def pair(position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tuple(
            _picture(domain, *_shuffled(len(domain), seed, salt, position), augment, geometry)
            for salt, domain in enumerate((domain_a, domain_b))
        )

    return _batches(pair, geometry, batch_size, start_step, stop_step, share)


def paired_dataset(
    domain_a: Domain,
    domain_b: Domain,
    *,
    geometry: Geometry,
    augment: Collection[str],
    batch_size: int,
    seed: int,
    start_step: int = 0,
    stop_step: int | None = None,
    share: Share = Share(),
) -> tf.data.Dataset:
    """Streams training batches of pairs; batch k is a pure function of `seed` and k.

    As `unpaired_dataset`, but the i-th pictures of both domains come together, and rotation,
    crop and flip are the same for both. `colour` is for the input A only: a target that changes
    at random could not be learned.

    Args:
        domain_a: Pictures of domain A, fitted to `geometry`.
        domain_b: Their partners, as many; label maps are fitted to its `nearest` form.
        geometry: Gives the crop.
        augment: Any of `cyclegan_tf.config.run_options.AUGMENTATIONS`.
        batch_size: Over all replicas.
        seed: Any integer.
        start_step: Number of the first batch, from 0.
        stop_step: Number after the last batch; None for a stream without end.
        share: The part of each batch that is wanted.

    Returns:
        Pairs `(real_a, real_b)`, float32 in [-1, 1], shape
        `(batch_size / replicas, height, width, channels)`. `to_uint8` gives the class numbers of
        label maps back.

    Raises:
        UserError: If `batch_size` exceeds 1 where pictures keep their sizes, or the pictures of
            a pair differ in size.
    """
    _check_sizes(domain_a, domain_b, geometry)
    kept_colours = [name for name in augment if name != "colour"]

    def pair(position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        number, change = _shuffled(len(domain_a), seed, 0, position)
        return (
            _picture(domain_a, number, change, augment, geometry),
            _picture(domain_b, number, change, kept_colours, geometry),
        )

    return _batches(pair, geometry, batch_size, start_step, stop_step, share)


def _check_sizes(domain_a: Domain, domain_b: Domain, geometry: Geometry) -> None:
    pairs = zip(domain_a.names, domain_a.sizes, domain_b.names, domain_b.sizes, strict=True)
    unequal = [
        f"{name_a} ({size_a[1]}x{size_a[0]}) and {name_b} ({size_b[1]}x{size_b[0]})"
        for name_a, size_a, name_b, size_b in pairs
        if size_a != size_b
    ]
    if unequal:
        raise UserError(
            f"the pictures of a pair must have one size; preprocess={geometry.preprocess} leaves "
            f"{len(unequal)} of {len(domain_a)} with different ones: {some(unequal)}; "
            "resize_and_crop makes them equal"
        )


def _shuffled(count: int, seed: int, salt: int, position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Says which of `count` pictures stands at a position, and gives the seed of its changes."""
    epoch, offset = position // count, position % count
    root = tf.constant([seed, salt], tf.int64)
    order = tf.random.experimental.stateless_fold_in(root, 2 * epoch)
    last = tf.constant(count - 1, tf.int64)
    number = tf.random.experimental.index_shuffle(offset, order, last)
    return number, tf.random.experimental.stateless_fold_in(root, 2 * position + 1)


def _picture(
    domain: Domain,
    number: tf.Tensor,
    change: tf.Tensor,
    augment: Collection[str],
    geometry: Geometry,
) -> tf.Tensor:
    """Gives a picture as the networks see it, float32 in [-1, 1], changed by a seed."""
    image = tf.numpy_function(domain.__getitem__, [number], tf.uint8, stateful=False)
    image = tf.ensure_shape(image, (None, None, domain.channels))
    image = augmentation.augment(image, change, augment, geometry.crop, domain.labels)
    return tf.ensure_shape(image, (*geometry.output_size, domain.channels))


def _batches(
    pair: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
    geometry: Geometry,
    batch_size: int,
    start_step: int,
    stop_step: int | None,
    share: Share,
) -> tf.data.Dataset:
    """Batches what `pair` gives for the positions of a share from one step to another."""
    if batch_size > 1 and None in geometry.output_size:
        raise UserError(
            f"preprocess={geometry.preprocess} gives pictures of different sizes, which needs "
            f"batch_size=1, not {batch_size}"
        )
    own = batch_size // share.count

    def position(count: tf.Tensor) -> tf.Tensor:
        return count // own * batch_size + share.index * own + count % own

    stop = tf.int64.max if stop_step is None else stop_step * own
    examples = tf.data.Dataset.range(start_step * own, stop).map(
        lambda count: pair(position(count)), num_parallel_calls=os.cpu_count(), deterministic=True
    )
    local = examples.batch(batch_size // share.replicas, drop_remainder=True)
    return _with_options(local.prefetch(2))


def evaluation_pictures(domain: Domain, geometry: Geometry) -> tf.data.Dataset:
    """Gives a domain's pictures in order, cropped at the centre, otherwise unchanged.

    Args:
        domain: The pictures, fitted to `geometry`.
        geometry: Gives the crop.

    Returns:
        float32 in [-1, 1], shape `(1, height, width, channels)`, each.
    """

    def picture(number: tf.Tensor) -> tf.Tensor:
        return _picture(domain, number, tf.zeros(2, tf.int32), (), geometry)

    pictures = tf.data.Dataset.range(len(domain)).map(picture, num_parallel_calls=2)
    return _with_options(pictures.batch(1).prefetch(2))


def _with_options(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Sets what a stream needs that is a function of numbers, and not of files."""
    options = tf.data.Options()
    # A distribution strategy would split the files, of which there are none.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    # The tuning thread can miss the call to end on a busy machine, and the run then hangs.
    options.autotune.enabled = False
    return dataset.with_options(options)
