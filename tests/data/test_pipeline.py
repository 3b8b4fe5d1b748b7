"""The stream's promises, each with a test that breaks when the promise does."""

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.config import UserError
from cyclegan_tf.data.geometry import Geometry
from cyclegan_tf.data.pipeline import (
    Domain,
    epoch_steps,
    evaluation_pictures,
    keep_pairs,
    unpaired_dataset,
)
from cyclegan_tf.images import UnreadableImageError, to_uint8

IDENTITY = Geometry("resize_and_crop", load_size=8, crop_size=8)
CROPPED = Geometry("resize_and_crop", load_size=12, crop_size=8)


class Pictures:
    """Picture i is plain, of level i, unless it is one of the bad ones; counts what is read."""

    def __init__(self, number, bad=(), size=(8, 8), channels=3):
        self.names = [f"picture_{i}.png" for i in range(number)]
        self.bad, self.shape, self.reads = set(bad), (*size, channels), [0] * number

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        self.reads[index] += 1
        if index in self.bad:
            raise UnreadableImageError(f"{self.names[index]}: cannot be decoded")
        return np.full(self.shape, index, np.uint8)


class Noise(Pictures):
    """As above, but each pixel is different, so that crops can be told apart."""

    def __getitem__(self, index):
        super().__getitem__(index)
        return np.random.default_rng(index).integers(0, 256, self.shape, dtype=np.uint8)


def load(source, geometry=IDENTITY, cache_gb=1.0):
    return Domain.load(source, geometry, cache_gb=cache_gb, name="A", progress=False)


def stream(domain_a, domain_b, geometry=IDENTITY, **changes):
    options = {"augment": ("flip", "crop"), "batch_size": 1, "seed": 1} | changes
    return unpaired_dataset(domain_a, domain_b, geometry=geometry, **options)


def levels(batches, side):
    """Which pictures a stream of plain ones showed, in order."""
    return np.concatenate([to_uint8(pair[side])[:, 0, 0, 0] for pair in batches]).tolist()


def assert_same_batches(first, second):
    for one, other in zip(first, second, strict=True):
        for domain in range(2):
            np.testing.assert_array_equal(one[domain], other[domain])


# ---------------------------------------------------------------------------- one domain


def test_each_picture_is_decoded_once_and_kept():
    source = Pictures(100)
    domain = load(source)
    for number in (0, 99, 5, 5):
        assert domain[number].shape == (8, 8, 3) and (domain[number] == number).all()
    assert source.reads == [1] * 100
    assert (len(domain), domain.channels) == (100, 3)


def test_the_cache_is_bounded_and_what_does_not_fit_is_decoded_again():
    source = Pictures(10)
    domain = load(source, cache_gb=4 * 8 * 8 * 3 / 2**30)
    for number in range(10):
        assert (domain[number] == number).all()
    assert source.reads == [1] * 4 + [2] * 6


def test_pictures_are_kept_fitted():
    domain = load(Pictures(3, size=(20, 30), channels=1), CROPPED)
    assert domain[0].shape == (12, 12, 1)


def test_bad_pictures_are_counted_named_and_skipped(caplog):
    domain = load(Pictures(8, bad=[2, 5]))  # Exactly a quarter.
    assert "2 of 8 pictures are unreadable and skipped" in caplog.text
    assert "picture_2.png" in caplog.text and "picture_5.png" in caplog.text
    assert [int(domain[number].max()) for number in range(6)] == [0, 1, 3, 4, 6, 7]
    assert list(domain.names) == [f"picture_{i}.png" for i in (0, 1, 3, 4, 6, 7)]


def test_at_most_twenty_bad_pictures_are_named(caplog):
    load(Pictures(100, bad=range(25)))
    assert "25 of 100" in caplog.text and "; and 5 more" in caplog.text
    assert "picture_19.png" in caplog.text and "picture_20.png" not in caplog.text


@pytest.mark.parametrize("number, bad", [(8, [0, 3, 7]), (1, [0]), (1000, range(1000))])
def test_too_many_bad_pictures_stop_the_run_at_once(number, bad):
    source = Pictures(number, bad)
    with pytest.raises(UserError, match=f"domain A: .*of the {number} pictures.*picture_0.png"):
        load(source)
    assert sum(source.reads) <= number / 4 + 65


def test_other_errors_are_not_taken_for_bad_pictures():
    class Broken(Pictures):
        def __getitem__(self, index):
            raise PermissionError("a broken disk")

    with pytest.raises(PermissionError):
        load(Broken(100))


def test_pairs_stay_pairs_when_one_of_them_is_bad():
    a, b = keep_pairs(load(Pictures(8, bad=[2])), load(Pictures(8, bad=[0, 5])))
    assert [int(a[i].max()) for i in range(len(a))] == [1, 3, 4, 6, 7]
    assert [int(b[i].max()) for i in range(len(b))] == [1, 3, 4, 6, 7]
    assert list(a.names) == list(b.names)


# ---------------------------------------------------------------------------- the stream


def test_values_shapes_and_types():
    a, b = load(Noise(5), CROPPED), load(Noise(5, channels=1), CROPPED)
    dataset = stream(a, b, CROPPED, batch_size=2)
    assert [spec.shape for spec in dataset.element_spec] == [(2, 8, 8, 3), (2, 8, 8, 1)]
    for real_a, real_b in dataset.take(3):
        assert (real_a.shape, real_b.shape) == ((2, 8, 8, 3), (2, 8, 8, 1))
        assert real_a.dtype == real_b.dtype == tf.float32
        assert tf.reduce_max(tf.abs(real_a)) <= 1 and tf.reduce_min(real_a) < 0


@pytest.mark.parametrize("batch_size", (1, 3))
def test_each_domain_is_walked_in_its_own_permutation_an_epoch(batch_size):
    dataset = stream(load(Pictures(12)), load(Pictures(6)), batch_size=batch_size)
    batches = list(dataset.take(24 // batch_size))
    long, short = levels(batches, 0), levels(batches, 1)
    long_epochs = [long[start : start + 12] for start in range(0, 24, 12)]
    short_epochs = [short[start : start + 6] for start in range(0, 24, 6)]
    assert all(sorted(epoch) == list(range(12)) for epoch in long_epochs)
    assert all(sorted(epoch) == list(range(6)) for epoch in short_epochs)
    assert long_epochs[0] != long_epochs[1]
    assert len({tuple(epoch) for epoch in short_epochs}) == 4  # of 720 orders


def test_domains_of_equal_length_are_not_walked_in_step():
    batches = list(stream(load(Pictures(50)), load(Pictures(50))).take(50))
    partners = np.array(levels(batches, 0)) == np.array(levels(batches, 1))
    assert partners.sum() < 10  # 1 expected


def test_an_epoch_is_the_longer_domain():
    short, long = load(Pictures(5)), load(Pictures(20))
    assert epoch_steps(short, long, 1) == epoch_steps(long, short, 1) == 20
    assert epoch_steps(short, long, 3) == 6
    assert epoch_steps(short, short, 64) == 1


@pytest.mark.parametrize("start", (1, 7, 40))
def test_a_batch_depends_on_the_seed_and_its_number_alone(start):
    a, b = load(Noise(12), CROPPED), load(Noise(5), CROPPED)
    augment = {"augment": ("flip", "crop", "rotate", "colour"), "batch_size": 2}
    whole = list(stream(a, b, CROPPED, **augment).take(start + 4))
    resumed = stream(a, b, CROPPED, start_step=start, **augment).take(4)
    assert_same_batches(whole[start:], resumed)
    other = next(iter(stream(a, b, CROPPED, start_step=start, seed=2, **augment)))
    assert np.abs(other[0] - whole[start][0]).max() > 0.1


def test_the_cache_does_not_change_the_stream():
    a, b = (load(Noise(9), CROPPED, cache_gb) for cache_gb in (0, 1))
    assert_same_batches(stream(a, a, CROPPED).take(12), stream(b, b, CROPPED).take(12))


def test_the_position_in_the_stream_does_not_depend_on_the_batch_size():
    a, b = load(Noise(12), CROPPED), load(Noise(5), CROPPED)
    single = list(stream(a, b, CROPPED).take(6))
    joined = [
        tuple(tf.concat([pair[side] for pair in single[k : k + 3]], 0) for side in range(2))
        for k in (0, 3)
    ]
    assert_same_batches(stream(a, b, CROPPED, batch_size=3).take(2), joined)


def test_starting_late_takes_no_longer_and_reads_nothing_more():
    source = Noise(12)
    domain = load(source, cache_gb=0)

    def reads(start):
        before = sum(source.reads)
        next(iter(stream(domain, domain, start_step=start)))
        return sum(source.reads) - before

    # At the ten thousand steps a second that skipping might do, the late start would take years.
    # What is read ahead differs from time to time.
    assert reads(10**12) < reads(0) + 200


def test_the_stream_ends_where_it_is_told():
    domain = load(Pictures(4))
    assert len(list(stream(domain, domain, start_step=3, stop_step=8, batch_size=2))) == 5
    endless = stream(domain, domain).cardinality()
    assert endless == tf.data.INFINITE_CARDINALITY or endless > 10**15


def test_nothing_random_is_cached():
    """The only picture of a domain comes with another crop and flip each time."""
    domain = load(Noise(1), CROPPED)
    shown = {real.numpy().tobytes() for real, _ in stream(domain, domain, CROPPED).take(60)}
    assert 25 < len(shown) <= 50  # 5 x 5 places, mirrored or not: 35 expected of 50


def test_without_augmentation_every_epoch_shows_the_same_centre_crops():
    domain = load(Noise(3, size=(12, 12)), CROPPED)
    batches = list(stream(domain, domain, CROPPED, augment=()).take(9))
    shown = {to_uint8(real)[0].numpy().tobytes() for real, _ in batches}
    assert shown == {domain[number][2:10, 2:10].tobytes() for number in range(3)}


def test_pictures_that_keep_their_sizes_go_one_by_one():
    geometry = Geometry("none")
    domain = load(Noise(3, size=(16, 20)), geometry)
    real_a, _ = next(iter(stream(domain, domain, geometry)))
    assert real_a.shape == (1, 16, 20, 3)
    with pytest.raises(UserError, match="preprocess=none .* batch_size=1, not 2"):
        stream(domain, domain, geometry, batch_size=2)


def test_a_strategy_does_not_split_the_stream_by_files():
    domain = load(Pictures(3))
    for dataset in (stream(domain, domain), evaluation_pictures(domain, IDENTITY)):
        policy = dataset.options().experimental_distribute.auto_shard_policy
        assert policy == tf.data.experimental.AutoShardPolicy.OFF


def test_evaluation_shows_each_picture_once_in_order_cropped_at_the_centre():
    domain = load(Noise(5, size=(12, 12)), CROPPED)
    pictures = list(evaluation_pictures(domain, CROPPED))
    assert len(pictures) == 5
    for number, picture in enumerate(pictures):
        assert picture.shape == (1, 8, 8, 3) and picture.dtype == tf.float32
        np.testing.assert_array_equal(to_uint8(picture)[0], domain[number][2:10, 2:10])
