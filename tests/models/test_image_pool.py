"""The pool's rule, picture by picture, on one replica and on two."""

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.models.image_pool import ImagePool

SHAPE = (2, 3, 1)


def plain(levels):
    """Pictures of one level each, so that a picture is known by its level."""
    return np.broadcast_to(np.float32(levels).reshape(-1, 1, 1, 1), (len(levels), *SHAPE))


def levels(images):
    images = np.asarray(images)
    assert (images == images[:, :1, :1]).all()  # Pictures stay whole.
    return images[:, 0, 0, 0].tolist()


def query(pool):
    """A pool's query on levels, and the levels it holds afterwards."""
    compiled = tf.function(pool.query, reduce_retracing=True)

    def ask(*new):
        returned = levels(compiled(tf.constant(plain(new))))
        return returned, levels(pool.images)

    return ask


def test_while_it_fills_it_stores_and_returns_the_new_pictures():
    ask = query(ImagePool(3, SHAPE, seed=0))
    assert ask(5) == ([5], [5, 0, 0])
    assert ask(6) == ([6], [5, 6, 0])
    assert ask(7) == ([7], [5, 6, 7])


def test_a_full_pool_returns_the_new_picture_or_swaps_it_for_a_stored_one():
    size, rounds = 4, 400
    pool = ImagePool(size, SHAPE, seed=0)
    ask = query(pool)
    held = [1, 2, 3, 4]
    ask(*held)
    swapped = []
    for new in range(100, 100 + rounds):
        (returned,), after = ask(new)
        if returned != new:
            slot = held.index(returned)
            held[slot] = new
            swapped.append(slot)
        assert after == held  # Only the slot of the returned picture changed, if any.
    assert int(pool.seen) == size + rounds
    # Five standard deviations of a fair coin, and of an even choice of slots.
    assert abs(len(swapped) - rounds / 2) < 5 * np.sqrt(rounds / 4)
    counts = np.bincount(swapped, minlength=size)
    assert (np.abs(counts - len(swapped) / size) < 5 * np.sqrt(len(swapped) / size)).all()


def test_a_batch_is_its_pictures_one_by_one():
    together, alone = (query(ImagePool(3, SHAPE, seed=5)) for _ in range(2))
    number = 0
    for count in (2, 4, 5, 1, 4, 4):  # The second batch fills the pool halfway through it.
        batch = [float(number + i) for i in range(1, count + 1)]
        number += count
        returned, held = together(*batch)
        singly = [alone(new) for new in batch]
        assert returned == [one for (one,), _ in singly]
        assert held == singly[-1][1]


def test_pictures_swapped_into_the_pool_may_come_back_within_the_batch():
    ask = query(ImagePool(1, SHAPE, seed=0))
    batch = [float(i) for i in range(1, 41)]
    returned, held = ask(*batch)
    # With one slot, each picture leaves at most once, and all but the last stored have left.
    assert sorted([*returned[1:], *held]) == batch
    assert returned[1:] != batch[1:]


def test_choices_depend_on_the_seed_and_on_nothing_else():
    def run(seed):
        ask = query(ImagePool(3, SHAPE, seed=seed))
        return [ask(new) for new in range(1, 30)]

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_a_restored_pool_goes_on_as_the_first_would_have():
    pool, copy = (ImagePool(3, SHAPE, seed=0) for _ in range(2))
    ask = query(pool)
    for new in range(1, 8):
        ask(new)
    copy.images.assign(pool.images)
    copy.seen.assign(pool.seen)
    ask_copy = query(copy)
    assert [ask(new) for new in range(10, 25)] == [ask_copy(new) for new in range(10, 25)]


def test_a_pool_of_size_zero_is_the_identity():
    images = tf.constant(plain([1, 2, 3]))
    for _ in range(3):
        np.testing.assert_array_equal(ImagePool(0, SHAPE, seed=0).query(images), images)


def test_a_negative_size_is_refused():
    with pytest.raises(ValueError, match="0 or more. Received: -1"):
        ImagePool(-1, SHAPE, seed=0)


def test_replicas_share_one_pool(strategy):
    """The same global batches give the same answers and the same pool, also once it is full."""
    with strategy.scope():
        pool = ImagePool(5, SHAPE, seed=3)
    ask = query(ImagePool(5, SHAPE, seed=3))
    replicas = strategy.num_replicas_in_sync

    @tf.function
    def distributed(batch):
        return strategy.run(pool.query, args=(batch,))

    for number in range(12):
        batch = [float(4 * number + i) for i in range(1, 5)]
        parts = np.split(plain(batch), replicas)
        local = strategy.experimental_distribute_values_from_function(
            lambda context, parts=parts: tf.constant(parts[context.replica_id_in_sync_group])
        )
        returned = strategy.experimental_local_results(distributed(local))
        expected, held = ask(*batch)
        assert levels(np.concatenate(returned)) == expected
        for images in strategy.experimental_local_results(pool.images):
            assert levels(images) == held
    assert int(pool.seen.read_value()) == 48
