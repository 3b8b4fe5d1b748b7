"""Signatures as functions: any size and number of channels, as translating files gives it."""

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.compat import network_state
from cyclegan_tf.images.images import encode_png as png
from cyclegan_tf.images.images import read_image, to_float
from cyclegan_tf.models.autoencoders import label_maps, segnet
from cyclegan_tf.models.generators import generator
from cyclegan_tf.serving.checks import ask
from cyclegan_tf.serving.decoding import Status
from cyclegan_tf.serving.signatures import Signatures
from cyclegan_tf.translation.network import translator

SIZES = [(16, 20), (5, 3), (9, 30), (33, 18)]


def noise(height, width, channels=3):
    shape = (height, width, channels)
    return np.random.default_rng(height).integers(0, 256, shape).astype(np.uint8)


@pytest.fixture(scope="module")
def signatures(small_generators):
    return Signatures(small_generators["a2b"], max_pixels=1000)


@pytest.fixture(scope="module")
def translate(small_generators):
    return translator(small_generators["a2b"])


def test_files_of_many_sizes_in_one_batch_come_back_at_their_own(signatures, translate):
    pictures = [noise(*size) for size in SIZES]
    answers = ask(signatures.encoded, [png(picture) for picture in pictures])
    for picture, (data, status) in zip(pictures, answers, strict=True):
        assert status == Status.GOOD
        expected = translate(picture)
        assert np.ptp(expected) > 20 or picture.size < 50
        difference = read_image(data).astype(int) - expected
        assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("size", SIZES)
def test_floats_of_any_size(signatures, translate, size):
    images = np.stack([noise(*size), noise(*size)[::-1]])
    found = signatures.floats(image=to_float(images))["generated_image"].numpy()
    expected = np.stack([to_float(translate(i)) for i in images])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1.01 / 127.5)


def test_a_single_pixel_is_a_picture_too():
    # Within the network it is a single place, where instance norm has nothing but rounding.
    network = generator("gated_resnet_1", filters=4, init_gain=0.5, norm="none")
    signatures, translate = Signatures(network, max_pixels=1000), translator(network)
    pictures = [noise(16, 20), noise(1, 1), noise(5, 3)]
    answers = ask(signatures.encoded, [png(picture) for picture in pictures])
    for picture, (data, status) in zip(pictures, answers, strict=True):
        assert status == Status.GOOD
        assert np.abs(read_image(data).astype(int) - translate(picture)).max() <= 1
    images = np.stack([noise(1, 1)] * 2)
    found = signatures.floats(image=to_float(images))["generated_image"].numpy()
    expected = np.stack([to_float(translate(i)) for i in images])
    np.testing.assert_allclose(found, expected, atol=1.01 / 127.5)


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 4), (4, 1)])
def test_domains_of_any_number_of_channels(before, after):
    network = generator("resnet_1", in_channels=before, out_channels=after, filters=2)
    picture = noise(12, 10, before)
    ((data, status),) = ask(Signatures(network, 1000).encoded, [png(picture)])
    assert status == Status.GOOD
    found = read_image(data, after).astype(int)
    assert np.abs(found - translator(network)(picture)).max() <= 1


def test_label_maps_come_as_class_numbers():
    network = label_maps(segnet(out_channels=5, filters=2, labels=True))
    picture = noise(16, 16)
    signatures = Signatures(network, 1000)
    ((data, _),) = ask(signatures.encoded, [png(picture)])
    expected = translator(network)(picture)
    assert set(np.unique(expected)) <= set(range(5))
    np.testing.assert_array_equal(read_image(data, 1), expected)


def test_a_batch_without_pictures_is_refused(signatures):
    with pytest.raises(tf.errors.InvalidArgumentError, match="the batch is empty"):
        signatures.encoded(image_bytes=tf.zeros([0], tf.string))
    for shape in ((0, 8, 8, 3), (1, 0, 8, 3)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="the batch is empty"):
            signatures.floats(image=tf.zeros(shape))


def test_too_large_pictures_are_refused(signatures):
    statuses = ask(signatures.encoded, [png(noise(40, 26)), png(noise(40, 25))])
    assert [status for _, status in statuses] == [Status.TOO_LARGE, Status.GOOD]
    with pytest.raises(tf.errors.InvalidArgumentError, match="1 to 1000 pixels"):
        signatures.floats(image=tf.zeros([1, 40, 26, 3]))


def test_nothing_but_the_weights_is_tracked(signatures, small_generators):
    expected = [v.ref() for v in network_state(small_generators["a2b"]).values()]
    assert {v.ref() for v in signatures.variables} == set(expected)
    assert len(signatures.variables) == len(expected)
