"""The stream's promises, each with a test that breaks when the promise does."""

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.data.domain import Domain
from cyclegan_tf.data.folder_source import FolderSource
from cyclegan_tf.data.geometry import Geometry
from cyclegan_tf.data.packed import Index, checksum
from cyclegan_tf.data.pipeline import (
    Share,
    epoch_steps,
    evaluation_pictures,
    keep_pairs,
    naming_pictures,
    paired_dataset,
    unpaired_dataset,
)
from cyclegan_tf.data.shards import ShardWriter
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import UnreadableImageError, encode_png, read_image, to_uint8

IDENTITY = Geometry("resize_and_crop", load_size=8, crop_size=8)
CROPPED = Geometry("resize_and_crop", load_size=12, crop_size=8)
EVERYTHING = ("flip", "crop", "rotate", "colour")


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


def pairs(domain_a, domain_b, geometry=IDENTITY, **changes):
    options = {"augment": ("flip", "crop"), "batch_size": 1, "seed": 1} | changes
    return paired_dataset(domain_a, domain_b, geometry=geometry, **options)


def levels(batches, side):
    """Which pictures a stream of plain ones showed, in order."""
    return np.concatenate([to_uint8(pair[side])[:, 0, 0, 0] for pair in batches]).tolist()


def assert_same_batches(first, second):
    for one, other in zip(first, second, strict=True):
        for domain in range(2):
            np.testing.assert_array_equal(one[domain], other[domain])


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
    augment = {"augment": EVERYTHING, "batch_size": 2}
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


@pytest.mark.parametrize(("pipelines", "replicas"), [(1, 2), (2, 2), (2, 4), (4, 4)])
def test_shares_of_all_pipelines_make_the_batch_in_its_order(pipelines, replicas):
    a, b = load(Noise(12), CROPPED), load(Noise(5), CROPPED)
    whole = list(stream(a, b, CROPPED, batch_size=4, start_step=5, stop_step=8))
    shares = [
        stream(
            *(a, b, CROPPED),
            batch_size=4,
            start_step=5,
            stop_step=8,
            share=Share(index, pipelines, replicas),
        ).batch(replicas // pipelines)  # What its replicas take in one step.
        for index in range(pipelines)
    ]
    assert len(whole) == 3
    for (real_a, real_b), *parts in zip(whole, *shares, strict=True):
        for real, of_pipelines in zip((real_a, real_b), zip(*parts, strict=True), strict=True):
            of_replicas = tf.concat(of_pipelines, 0)
            assert of_replicas.shape[:2] == (replicas, 4 // replicas)
            assert np.array_equal(tf.reshape(of_replicas, real.shape), real)


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


# ---------------------------------------------------------------------------- pairs


class Labels(Pictures):
    """Label maps of four blocks of classes 0, 1, 2 and 19; each its own, by its corners."""

    def __getitem__(self, index):
        height, width, _ = self.shape
        quarters = np.roll(np.array([0, 1, 2, 19], np.uint8), index).reshape(2, 2)
        return np.kron(quarters, np.ones((height // 2, width // 2), np.uint8))[..., np.newaxis]


def test_partners_come_together_in_one_permutation_an_epoch():
    domain = load(Pictures(12))
    batches = list(pairs(domain, domain, batch_size=3).take(8))
    shown = levels(batches, 0)
    assert shown == levels(batches, 1)
    assert sorted(shown[:12]) == sorted(shown[12:]) == list(range(12))
    assert shown[:12] != shown[12:] and shown[:12] != list(range(12))


def test_both_pictures_of_a_pair_are_moved_alike():
    domain = load(Noise(3), CROPPED)
    moved = ("flip", "crop", "rotate")
    batches = list(pairs(domain, domain, CROPPED, augment=moved, batch_size=2).take(20))
    for real_a, real_b in batches:
        np.testing.assert_array_equal(real_a, real_b)
    assert len({real_a.numpy().tobytes() for real_a, _ in batches}) == 20


def test_only_the_input_changes_its_colours():
    domain = load(Noise(3))
    for real_a, real_b in pairs(domain, domain, augment=("colour",)).take(6):
        assert np.abs(real_a - real_b).max() > 0.02
        assert to_uint8(real_b).numpy()[0].tobytes() in {
            domain[number].tobytes() for number in range(3)
        }


def test_class_numbers_survive_resizing_cropping_and_rotation():
    nearest = Geometry("resize_and_crop", load_size=12, crop_size=8, nearest=True)
    a, b = load(Noise(4, size=(22, 26)), CROPPED), load(Labels(4, size=(22, 26)), nearest)
    seen = set()
    for _, real_b in pairs(a, b, CROPPED, augment=EVERYTHING, batch_size=2).take(30):
        assert real_b.shape == (2, 8, 8, 1)
        seen |= set(to_uint8(real_b).numpy().ravel().tolist())
    assert seen == {0, 1, 2, 19}
    # As an input, too: the other way round, class numbers are no colours.
    for real_b, _ in pairs(b, a, CROPPED, augment=EVERYTHING).take(10):
        assert set(to_uint8(real_b).numpy().ravel().tolist()) <= {0, 1, 2, 19}


def test_a_label_map_stays_on_its_picture():
    """The picture is bright where its label map says 19; the border between may blur."""

    class Bright(Labels):
        def __getitem__(self, index):
            return np.where(super().__getitem__(index) == 19, 255, 0).astype(np.uint8)

    geometry, nearest = (
        Geometry("resize_and_crop", load_size=64, crop_size=48, nearest=labels)
        for labels in (False, True)
    )
    a, b = load(Bright(4, size=(80, 96)), geometry), load(Labels(4, size=(80, 96)), nearest)
    shown = 0
    for real_a, real_b in pairs(a, b, geometry, augment=("flip", "crop", "rotate")).take(20):
        nineteen = (to_uint8(real_b) == 19).numpy()
        shown += nineteen.any()
        assert np.mean((real_a.numpy() > 0) != nineteen) < 0.02
    assert shown > 5


@pytest.mark.parametrize("start", (1, 40))
def test_a_batch_of_pairs_depends_on_the_seed_and_its_number_alone(start):
    a, b = (load(source, CROPPED) for source in (Noise(12), Labels(12)))
    whole = list(pairs(a, b, CROPPED, augment=EVERYTHING, batch_size=2).take(start + 4))
    resumed = pairs(a, b, CROPPED, augment=EVERYTHING, batch_size=2, start_step=start).take(4)
    assert_same_batches(whole[start:], resumed)
    other = next(iter(pairs(a, b, CROPPED, augment=EVERYTHING, batch_size=2, seed=2)))
    assert np.abs(other[0] - whole[0][0]).max() > 0.1


def test_pairs_of_different_sizes_are_named():
    class Growing(Pictures):
        def __getitem__(self, index):
            return np.zeros((16, 16 + 4 * (index == 2), 3), np.uint8)

    geometry = Geometry("none")
    a, b = load(Growing(4), geometry), load(Pictures(4, size=(16, 16)), geometry)
    with pytest.raises(UserError, match="1 of 4 .*picture_2.png .20x16. and picture_2.png .16x16"):
        pairs(a, b, geometry)
    equal = load(Growing(4), geometry)
    shapes = {real_a.shape[2] for real_a, _ in pairs(equal, equal, geometry).take(4)}
    assert shapes == {16, 20}
    with pytest.raises(UserError, match="preprocess=none .* batch_size=1, not 2"):
        pairs(equal, equal, geometry, batch_size=2)


def test_pairs_of_which_one_is_unreadable_leave_the_stream():
    a, b = keep_pairs(load(Pictures(8, bad=[2])), load(Pictures(8, bad=[0, 5])))
    batches = list(pairs(a, b).take(5))
    assert sorted(levels(batches, 0)) == [1, 3, 4, 6, 7]
    assert levels(batches, 0) == levels(batches, 1)


def test_a_picture_that_can_no_longer_be_read_is_named():
    source = Pictures(3)
    domain = load(source, cache_gb=0.0)
    source.bad = {1}
    with (
        pytest.raises(
            UnreadableImageError, match=r"^picture_1.png: cannot be decoded; .*restore it"
        ) as e,
        naming_pictures(),
    ):
        list(stream(domain, domain, stop_step=6))
    assert "\n" not in str(e.value)


def test_a_packed_picture_that_is_damaged_meanwhile_is_told_by_its_file(tmp_path):
    pytest.importorskip("array_record", reason="packing needs array_record (Linux, macOS on ARM)")
    packed = tmp_path / "trainA"
    picture = encode_png(np.full((8, 8, 3), 10, np.uint8))
    with ShardWriter(tmp_path, packed.name, 100) as writer:
        writer.add(picture)
    Index(writer.shards, {"0.png": checksum("0.png", picture)}, {}).write(packed)
    domain = load(FolderSource(packed, read_image), cache_gb=0.0)
    (shard,) = tmp_path.glob("*.array_record")
    shard.write_bytes(shard.read_bytes().replace(picture, picture[:-1] + b"?"))
    said = f"^{shard} is damaged at 0.png; copy or pack the data set again"
    with pytest.raises(UserError, match=said) as e, naming_pictures():
        list(stream(domain, domain, stop_step=2))
    assert "\n" not in str(e.value) and not isinstance(e.value, UnreadableImageError)


def test_other_errors_of_tensorflows_are_left_alone():
    with pytest.raises(tf.errors.InvalidArgumentError), naming_pictures():
        tf.reshape(tf.zeros(3), (2,))
