"""Preparing's options: what is refused, and what values mean."""

import pytest

from cyclegan_tf.errors import UserError
from cyclegan_tf.preparation.options import SplitOptions, plain


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "`attribute` is needed"),
        ({"attribute": "x", "values": "1"}, "`values=1`: expected two different values"),
        ({"attribute": "x", "values": "1,true"}, "`values=1,true`: expected two different"),
        ({"attribute": "x", "values": "1,0,2"}, "`values=1,0,2`: expected two different"),
        ({"attribute": "x", "where": "Male"}, "`where=Male`: expected .*NAME=VALUE"),
        ({"attribute": "x", "test_fraction": 1.0}, "`test_fraction=1.0`: expected at most 0.9"),
        ({"attribute": "x", "max_images": 0}, "`max_images=0`: expected at least 1"),
    ],
    ids=str,
)
def test_what_is_out_of_bounds_is_named(values, message):
    with pytest.raises(UserError, match=message):
        SplitOptions(**values).validate()


def test_truth_is_written_in_many_ways():
    assert [plain(value) for value in (True, "true", "Yes", 1, " 1 ")] == ["1"] * 5
    assert [plain(value) for value in (False, "False", "no", 0, "-1")] == ["0"] * 5
    assert plain("blond") == "blond"


def test_conditions_are_read():
    options = SplitOptions("hair", "blond,ginger", "Male=false,age=30").validate()
    assert options.conditions == {"Male": "0", "age": "30"}
    assert options.value_pair == ("blond", "ginger")
