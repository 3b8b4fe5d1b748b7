"""What is read and kept of a domain, and what happens to damaged pictures."""

import numpy as np
import pytest

from cyclegan_tf.data.domain import Domain
from cyclegan_tf.data.geometry import Geometry
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import UnreadableImageError

IDENTITY = Geometry("resize_and_crop", load_size=8, crop_size=8)


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


def load(source, geometry=IDENTITY, cache_gb=1.0):
    return Domain.load(source, geometry, cache_gb=cache_gb, name="A", progress=False)


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
    geometry = Geometry("resize_and_crop", load_size=12, crop_size=8)
    domain = load(Pictures(3, size=(20, 30), channels=1), geometry)
    assert domain[0].shape == (12, 12, 1)
    assert domain.sizes == [(12, 12)] * 3


def test_the_geometry_tells_label_maps():
    assert not load(Pictures(1)).labels
    assert load(Pictures(1), Geometry("none", nearest=True)).labels


def test_bad_pictures_are_counted_named_and_skipped(caplog):
    domain = load(Pictures(8, bad=[2, 5]))  # Exactly a quarter.
    assert "2 of 8 images are unreadable and skipped" in caplog.text
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
    with pytest.raises(UserError, match=f"domain A: .*of the {number} images.*picture_0.png"):
        load(source)
    assert sum(source.reads) <= number / 4 + 65


def test_other_errors_are_not_taken_for_bad_pictures():
    class Broken(Pictures):
        def __getitem__(self, index):
            raise PermissionError("a broken disk")

    with pytest.raises(PermissionError):
        load(Broken(100))


def test_a_picture_too_narrow_to_be_fitted_is_bad_and_named(caplog):
    class Line(Pictures):
        def __getitem__(self, index):
            return np.zeros((8, 8, 3) if index else (1, 20_000, 3), np.uint8)

    domain = load(Line(4), Geometry("crop", crop_size=128, multiple=1))
    assert list(domain.names) == [f"picture_{i}.png" for i in (1, 2, 3)]
    assert "picture_0.png: 20000x1 pixels are too narrow" in caplog.text
