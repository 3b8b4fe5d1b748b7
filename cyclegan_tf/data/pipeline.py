"""Training batches: a stream in which batch k depends only on the seed and k.

Deterministic work (decoding, resizing) is done once and cached. Random work (order, crop, flip
and so on) is computed for each batch from its number. As a result, resuming at any step is
free, the batches do not depend on the number of replicas, and crops differ in every epoch.
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
    """The part of every global batch that one of several input pipelines produces.

    Args:
        index: Index of the pipeline.
        count: Number of pipelines. Each produces an equal, contiguous part of a batch.
        replicas: Number of replicas over all pipelines. Each takes an equal, contiguous part.
    """

    index: int = 0
    count: int = 1
    replicas: int = 1


def keep_pairs(domain_a: Domain, domain_b: Domain) -> tuple[Domain, Domain]:
    """Remove the images whose partner was unreadable from two aligned domains."""
    both = set(domain_a.indices) & set(domain_b.indices)

    def kept(domain: Domain) -> Domain:
        images = zip(domain.indices, domain.names, domain.sizes, strict=True)
        indices, names, sizes = zip(*(one for one in images if one[0] in both), strict=True)
        return replace(domain, indices=indices, names=names, sizes=sizes)

    return kept(domain_a), kept(domain_b)


@contextlib.contextmanager
def naming_pictures() -> Iterator[None]:
    """Turn TensorFlow's error about an image that can no longer be read into one that names it.

    TensorFlow passes on only the text of the original error.

    Raises:
        UnreadableImageError: In place of TensorFlow's error.
        UserError: Likewise, if the packed file that holds the image is damaged.
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
        reason = f"{found[2]}; it was readable before; restore it and resume"
        raise UnreadableImageError(reason) from error


def epoch_steps(domain_a: Domain, domain_b: Domain, batch_size: int) -> int:
    """Return the steps of an epoch: full batches of the larger domain, at least one."""
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
    """Stream unpaired training batches; batch k is a pure function of `seed` and k.

    In a domain of n images, the p-th image of the stream is number p mod n of the permutation of
    epoch p div n. Each domain has epochs of its own length. Permutations are computed element
    by element, so starting at any step is free.

    Args:
        domain_a: Images of domain A, resized to `geometry`.
        domain_b: Images of domain B, likewise.
        geometry: Defines the crop.
        augment: Any of `cyclegan_tf.config.run_options.AUGMENTATIONS`.
        batch_size: Global batch size, over all replicas.
        seed: Any integer.
        start_step: Index of the first batch, from 0.
        stop_step: Index after the last batch; None for an infinite stream.
        share: The part of each batch to produce.

    Returns:
        Pairs `(real_a, real_b)`, float32 in [-1, 1], shape
        `(batch_size / replicas, height, width, channels)`.

    Raises:
        UserError: If `batch_size` exceeds 1 although image sizes differ.
    """

    def pair(position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tuple(
            _image(domain, *_shuffled(len(domain), seed, salt, position), augment, geometry)
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
    """Stream paired training batches; batch k is a pure function of `seed` and k.

    Like `unpaired_dataset`, but the i-th images of both domains come together, with the same
    rotation, crop and flip. `colour` changes only the input A: a randomly changed target could
    not be learned.

    Args:
        domain_a: Images of domain A, resized to `geometry`.
        domain_b: Their partners, equally many; label maps are resized with `nearest`.
        geometry: Defines the crop.
        augment: Any of `cyclegan_tf.config.run_options.AUGMENTATIONS`.
        batch_size: Global batch size, over all replicas.
        seed: Any integer.
        start_step: Index of the first batch, from 0.
        stop_step: Index after the last batch; None for an infinite stream.
        share: The part of each batch to produce.

    Returns:
        Pairs `(real_a, real_b)`, float32 in [-1, 1], shape
        `(batch_size / replicas, height, width, channels)`. `to_uint8` recovers the class numbers
        of label maps.

    Raises:
        UserError: If `batch_size` exceeds 1 although image sizes differ, or the two images of a
            pair differ in size.
    """
    _check_sizes(domain_a, domain_b, geometry)
    kept_colours = [name for name in augment if name != "colour"]

    def pair(position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        number, change = _shuffled(len(domain_a), seed, 0, position)
        return (
            _image(domain_a, number, change, augment, geometry),
            _image(domain_b, number, change, kept_colours, geometry),
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
            f"both images of a pair must have the same size; with preprocess={geometry.preprocess} "
            f"{len(unequal)} of {len(domain_a)} pairs differ: {some(unequal)}; "
            "resize_and_crop makes sizes equal"
        )


def _shuffled(count: int, seed: int, salt: int, position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the image number at a position of the stream, and the seed of its augmentation."""
    epoch, offset = position // count, position % count
    root = tf.constant([seed, salt], tf.int64)
    order = tf.random.experimental.stateless_fold_in(root, 2 * epoch)
    last = tf.constant(count - 1, tf.int64)
    number = tf.random.experimental.index_shuffle(offset, order, last)
    return number, tf.random.experimental.stateless_fold_in(root, 2 * position + 1)


def _image(
    domain: Domain,
    number: tf.Tensor,
    change: tf.Tensor,
    augment: Collection[str],
    geometry: Geometry,
) -> tf.Tensor:
    """Return an augmented and cropped image, float32 in [-1, 1]."""
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
    """Batch the results of `pair` for one share of the steps from `start_step` to `stop_step`."""
    if batch_size > 1 and None in geometry.output_size:
        raise UserError(
            f"preprocess={geometry.preprocess} produces images of different sizes, which requires "
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
    """Return a domain's images in order, cropped at the centre, without augmentation.

    Args:
        domain: The images, resized to `geometry`.
        geometry: Defines the crop.

    Returns:
        A data set of batches of one image, float32 in [-1, 1], `(1, height, width, channels)`.
    """

    def image(number: tf.Tensor) -> tf.Tensor:
        return _image(domain, number, tf.zeros(2, tf.int32), (), geometry)

    images = tf.data.Dataset.range(len(domain)).map(image, num_parallel_calls=2)
    return _with_options(images.batch(1).prefetch(2))


def _with_options(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Set the options for a stream that is computed rather than read from files."""
    options = tf.data.Options()
    # A distribution strategy would otherwise try to split the input files, which do not exist.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    # On a busy machine, the tuning thread can miss its stop signal, and the run then hangs.
    options.autotune.enabled = False
    return dataset.with_options(options)
