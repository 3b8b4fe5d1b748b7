"""Labelled sheets of pictures."""

import numpy as np
import pytest

from cyclegan_tf.errors import UserError
from cyclegan_tf.images.sheets import grid, shortened, spread

RED = (255, 0, 0)


def test_a_sheet_shows_each_picture_enlarged_without_smoothing():
    checks = np.tile(np.array([[0, 200], [200, 0]], np.uint8), (16, 16))[..., None]
    sheet = grid([[checks, np.full((32, 32, 3), RED, np.uint8)]], ["grey", "red"])
    red = (sheet == RED).all(-1)
    rows, columns = np.nonzero(red)
    assert red.sum() == 96 * 96 == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    assert (sheet == 200).all(-1).sum() == 96 * 96 / 2
    block = sheet[rows.min() : rows.max() + 1, 8 : 8 + 96]
    np.testing.assert_array_equal(block, np.kron(checks, np.ones((3, 3, 1), np.uint8)).repeat(3, 2))


def test_labels_are_not_clipped():
    label = "a label much wider than the picture under it, gypsy"
    cell = np.full((96, 96, 3), 255, np.uint8)
    sheet = grid([[cell, cell], [cell, cell]], [label] * 2, [label] * 2)
    ink = sheet.min(-1) < 255
    assert ink.any()
    border = np.concatenate([ink[0], ink[-1], ink[:, 0], ink[:, -1]])
    assert not border.any()
    # Where nothing overlaps or is cut, the same label has the same ink wherever it stands.
    lone = grid([[cell]], [label])
    assert ink.sum() == 4 * (lone.min(-1) < 255).sum()


def test_labels_have_arrows_and_other_alphabets() -> None:
    cell = np.full((96, 96, 3), 255, np.uint8)
    unknown, *drawn = (grid([[cell]], [label])[:30] for label in ("\U0010ffff", "→", "Ж", "ä"))
    for sheet in drawn:
        assert (sheet < 255).any() and not np.array_equal(sheet, unknown)


def test_long_names_are_shortened_to_one_line() -> None:
    assert shortened("ginger") == "ginger"
    assert shortened("blond\nor  fair") == "blond or fair"
    assert shortened("x" * 60) == "x" * 19 + "…"
    assert shortened("a word and another one") == "a word and another…"


def test_labels_must_match_the_pictures():
    cell = np.zeros((8, 8, 3), np.uint8)
    for rows, columns, sides in (([[cell]], ["a", "b"], []), ([[cell]], ["a"], ["x", "y"])):
        with pytest.raises(UserError, match="labels must match"):
            grid(rows, columns, sides)


def test_a_long_picture_of_one_row_makes_no_sheet_of_gigabytes():
    line = np.zeros((1, 30_000, 3), np.uint8)
    sheet = grid([[line, np.zeros((64, 64, 3), np.uint8)]], ["line", "square"])
    assert sheet.nbytes < 50e6 and sheet.shape[1] > 60_000


@pytest.mark.parametrize(("count", "most"), [(1, 5), (5, 5), (6, 5), (100, 7), (0, 3), (3, 1)])
def test_a_selection_is_even_and_has_both_ends(count: int, most: int) -> None:
    chosen = spread(list(range(count)), most)
    assert len(chosen) == min(count, most) == len(set(chosen))
    if len(chosen) > 1:
        assert (chosen[0], chosen[-1]) == (0, count - 1)
        assert np.ptp(np.diff(chosen)) <= 1
