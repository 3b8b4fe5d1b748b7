"""Translating's options: what is refused."""

import pytest

from cyclegan_tf.errors import UserError
from cyclegan_tf.translation.options import TranslationOptions


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"quality": 0}, "`quality=0`: expected at least 1"),
        ({"batch_size": 0}, "`batch_size=0`: expected at least 1"),
        ({"tile": -1}, "`tile=-1`: expected at least 0"),
        ({"smoothing": 1.0}, "`smoothing=1.0`: expected at most 0.99"),
        ({"output_format": "gif"}, "`output_format=gif`: expected one of png, jpg, webp, bmp"),
    ],
    ids=str,
)
def test_what_is_out_of_bounds_is_named(values, message):
    with pytest.raises(UserError, match=message):
        TranslationOptions(**values).validate()


def test_the_defaults_are_allowed():
    assert TranslationOptions().validate() == TranslationOptions()
