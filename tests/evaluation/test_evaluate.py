"""The evaluation of both directions, its gallery and its table."""

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.evaluation import evaluate as module
from cyclegan_tf.evaluation.evaluate import GALLERY_ROWS, evaluate, sample_sheet
from cyclegan_tf.evaluation.figures import changed_ratio, metrics_table
from cyclegan_tf.evaluation.labels import coloured


def plain(red, green, blue):
    return tf.constant(np.full((1, 16, 16, 3), (red, green, blue)) / 127.5 - 1.0, tf.float32)


def swapped(image):
    """Red and blue exchanged: the truth between the two domains below, both ways."""
    return image[..., ::-1]


def unchanged(image):
    return image


def domains(count):
    return [plain(200, 10 * i, 20) for i in range(count)], [
        plain(20, 10 * i, 200) for i in range(count)
    ]


def run(count, generator=swapped, aligned=True):
    a, b = domains(count)
    return evaluate(iter(a), iter(b), both(generator, generator), aligned, progress=False)


def both(generator_ab, generator_ba):
    return {"a2b": generator_ab, "b2a": generator_ba}


def shows(gallery, colour):
    return (gallery == np.array(colour, np.uint8)).all(axis=-1).any()


def test_both_directions_are_measured_against_their_own_truth():
    figures = run(2).figures
    assert set(figures) == {"a2b", "b2a"}
    for rows in figures.values():
        assert rows["pictures"] == 2
        assert rows["cycle"] == {"cycle_mae": 0.0}
        assert rows["translation"]["mae"] == 0.0
        assert rows["unchanged_input"]["mae"] == pytest.approx(120.0)
        assert changed_ratio(rows) == 0.0


def test_generators_that_do_nothing_reach_what_the_input_does():
    for rows in run(2, unchanged).figures.values():
        assert rows["translation"] == rows["unchanged_input"]
        assert changed_ratio(rows) == 1.0


def test_each_direction_goes_through_its_own_generators():
    a, b = [plain(100, 100, 100)], [plain(100, 100, 100)]

    def brighter(image):
        return image + 50 / 127.5

    figures = evaluate(a, b, both(brighter, unchanged), aligned=True, progress=False).figures
    assert figures["a2b"]["translation"]["mae"] == pytest.approx(50.0)
    assert figures["b2a"]["translation"]["mae"] == 0.0
    # Both cycles go through both generators.
    assert [figures[d]["cycle"]["cycle_mae"] for d in ("a2b", "b2a")] == pytest.approx([50.0, 50.0])


def test_without_truths_there_is_the_cycle_alone():
    rows = run(2, aligned=False).figures["a2b"]
    assert set(rows) == {"pictures", "cycle"}
    assert changed_ratio(rows) is None


def test_the_gallery_shows_the_first_pictures_and_no_more():
    gallery = run(GALLERY_ROWS + 3).gallery
    assert gallery.dtype == np.uint8
    for i in range(GALLERY_ROWS + 3):
        for colour in ((200, 10 * i, 20), (20, 10 * i, 200)):
            assert shows(gallery, colour) == (i < GALLERY_ROWS)
    assert GALLERY_ROWS >= 12


def test_the_gallery_shows_truth_and_cycle_beside_the_translation():
    a, b = [plain(200, 0, 20)], [plain(20, 0, 200)]

    def greener(image):
        return image + tf.constant([0.0, 100 / 127.5, 0.0])

    gallery = evaluate(a, b, both(greener, greener), aligned=True, progress=False).gallery
    expected = [
        (200, 0, 20),
        (200, 100, 20),
        (20, 0, 200),
        (200, 200, 20),
    ]  # real, fake, true, cycled
    expected += [(20, 100, 200), (20, 200, 200)]
    assert all(shows(gallery, colour) for colour in expected)
    without = evaluate(a, b, both(greener, greener), aligned=False, progress=False).gallery
    assert without.shape[0] == gallery.shape[0] and without.shape[1] < gallery.shape[1]


@pytest.fixture
def labels(monkeypatch):
    """The column labels of every sheet that is drawn."""
    drawn = []
    grid = module.grid

    def recording(rows, column_labels):
        drawn.append(list(column_labels))
        return grid(rows, column_labels)

    monkeypatch.setattr(module, "grid", recording)
    return drawn


def test_sheets_are_labelled_with_the_names_of_the_domains(labels):
    (a, b), translate, names = domains(1), both(swapped, swapped), ("blond", "ginger")
    evaluate(a, b, translate, aligned=True, progress=False, names=names)
    evaluate(a, b, translate, aligned=False, progress=False)
    sample_sheet(zip(a, b, strict=True), translate, names=names)
    sample_sheet(zip(a, b, strict=True), {"a2b": swapped}, names=names)
    there = ["blond", "→ ginger", "→ blond again"]
    back = ["ginger", "→ blond", "→ ginger again"]
    assert labels == [
        ["blond", "→ ginger", "target", "→ blond again"]
        + ["ginger", "→ blond", "target", "→ ginger again"],
        ["A", "→ B", "→ A again", "B", "→ A", "→ B again"],
        there + back,
        ["blond", "→ ginger", "target"],
    ]


def test_long_and_equal_names_leave_the_sheet_whole(labels):
    (a, b), translate = domains(1), both(swapped, swapped)
    plain_sheet = evaluate(a, b, translate, aligned=True, progress=False).gallery
    for names in (("x" * 60, "ж\nж"), ("same", "same")):
        gallery = evaluate(a, b, translate, True, progress=False, names=names).gallery
        assert gallery.shape[1] < 2.5 * plain_sheet.shape[1]
        assert len(labels.pop()) == 8


def test_domains_of_unequal_size_share_the_rows_they_both_have():
    a, b = domains(4)
    evaluation = evaluate(a, b[:2], both(swapped, swapped), aligned=False, progress=False)
    assert (evaluation.figures["a2b"]["pictures"], evaluation.figures["b2a"]["pictures"]) == (4, 2)
    assert shows(evaluation.gallery, (200, 10, 20)) and not shows(evaluation.gallery, (200, 20, 20))


def test_one_direction_alone_has_no_cycle():
    a, b = domains(2)
    evaluation = evaluate(a, b, {"a2b": swapped}, aligned=True, progress=False)
    assert set(evaluation.figures) == {"a2b"}
    assert set(evaluation.figures["a2b"]) == {"pictures", "translation", "unchanged_input"}
    assert evaluation.figures["a2b"]["translation"]["mae"] == 0.0
    assert "cycle" not in metrics_table(evaluation.figures).replace("cycle/255", "")


def test_label_maps_are_compared_by_class_and_shown_in_colour():
    a = [plain(9, 9, 9)]
    truth = np.repeat(np.arange(4), 64).reshape(1, 16, 16, 1)
    as_picture = tf.constant(truth / 127.5 - 1.0, tf.float32)

    def half_right(image):
        return tf.where(as_picture > 1.5 / 127.5 - 1.0, as_picture, -1.0)

    evaluation = evaluate(
        a, [as_picture], {"a2b": half_right}, aligned=True, labels=True, progress=False
    )
    figures = evaluation.figures["a2b"]["labels"]
    # Classes 0, 2 and 3 are right and 1 is taken for 0: shares 1/2, 0, 1, 1.
    assert figures == pytest.approx({"pixel_accuracy": 0.75, "mean_iou": 2.5 / 4})
    for number in (2, 3):
        assert shows(evaluation.gallery, coloured(np.full((1, 1, 1), number))[0, 0])
    assert "pixel accuracy 0.750, mean iou 0.625" in metrics_table(evaluation.figures)


def test_the_table_has_a_line_for_each_row_and_a_dash_where_nothing_was_measured():
    lines = metrics_table(run(2, unchanged).figures).splitlines()
    assert len({len(line) for line in lines if "of the unchanged" not in line}) == 1
    assert "MAE/255" in lines[0] and "changed/255" in lines[0]
    for direction in ("A → B", "B → A"):
        own = [line for line in lines if line.startswith(direction)]
        translation, untouched, cycle, ratio = own
        # All pixels changed, so none was kept; the cycle has a line of its own.
        assert translation.split()[4] == untouched.split()[5] == "120.000"
        assert translation.split()[-2:] == ["-", "-"]
        assert cycle.split()[4:] == ["-"] * 5 + ["0.000"]
        assert "1.000 of the unchanged input's" in ratio


def test_the_table_without_truths_has_the_cycle_alone():
    lines = metrics_table(run(1, aligned=False).figures).splitlines()
    assert len(lines) == 3
    assert all("cycle" in line for line in lines)
