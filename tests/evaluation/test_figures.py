"""An evaluation's figures laid out for a page."""

from cyclegan_tf.evaluation.figures import KINDS, metrics_table, page_rows

ROW = {"mae": 1.25, "psnr": 30.5, "ssim": 0.9, "changed_mae": 2.0, "kept_mae": 0.5}
UNCHANGED = {"mae": 10.0, "psnr": 20.0, "ssim": 0.5, "changed_mae": 40.0, "kept_mae": 0.0}


def test_directions_stand_side_by_side_with_leaving_the_input_as_it_is():
    direction = {"pictures": 3, "translation": ROW, "unchanged_input": UNCHANGED}
    columns, rows = page_rows({"a2b": direction, "b2a": {"cycle": {"cycle_mae": 7.0}}})
    assert columns == ["A → B", "A → B, unchanged input", "B → A"]
    cells = {kind.title: found for kind, found in rows}
    assert cells["remaining error on changed pixels"] == ["0.050", "", ""]
    assert cells[KINDS["psnr"].title] == ["30.50", "20.00", ""]
    assert cells[KINDS["cycle_mae"].title] == ["", "", "7.000"]
    assert all(kind.meaning.endswith(".") for kind, _ in rows)


def test_label_maps_have_figures_of_their_own():
    labels = {"pixel_accuracy": 0.75, "mean_iou": 0.5}
    columns, rows = page_rows({"a2b": {"pictures": 3, "labels": labels}})
    assert columns == ["A → B"]
    assert [(kind.title, found) for kind, found in rows] == [
        ("pixel accuracy", ["0.750"]),
        ("mean IoU", ["0.500"]),
    ]


def test_what_is_no_number_is_left_out():
    columns, rows = page_rows({"a2b": {"translation": {"mae": 1.0, "ssim": float("nan")}}})
    assert [kind.title for kind, _ in rows] == [KINDS["mae"].title]
    assert page_rows({}) == ([], [])


def test_the_text_table_has_the_digits_of_the_page():
    direction = {"translation": ROW, "unchanged_input": UNCHANGED, "labels": {"mean_iou": 0.5}}
    heading, translation, unchanged, labels, ratio = metrics_table({"a2b": direction}).splitlines()
    assert heading.split()[:4] == ["direction", "MAE/255", "PSNR", "dB"]
    assert translation.split() == [*"A → B translation 1.250 30.50 0.900 2.000 0.500 -".split()]
    assert unchanged.split()[6] == "20.00"
    assert (labels.split(), ratio.split()[-5]) == ("A → B mean iou 0.500".split(), "0.050")


def test_directions_carry_the_names_of_the_domains():
    found = {d: {"translation": ROW, "unchanged_input": UNCHANGED} for d in ("a2b", "b2a")}
    columns, _ = page_rows(found, ("blond", "ginger"))
    assert columns[::2] == ["blond → ginger", "ginger → blond"]
    # Equal names are confusing, but hide nothing.
    columns, rows = page_rows(found, ("same", "same"))
    assert len(columns) == 4 and all(len(cells) == 4 for _, cells in rows)
    table = metrics_table(found, ("blond", "x" * 60)).splitlines()
    assert table[1].startswith(f"blond → {'x' * 19}…  translation ")
    assert len({len(line) for line in table if "of the unchanged" not in line}) == 1
