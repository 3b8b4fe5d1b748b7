"""What a run has written down is read as it is, also while a line is being written."""

from pathlib import Path

import numpy as np

from cyclegan_tf.training.records import read_json, read_metrics, step_files


def test_metrics_are_columns_with_gaps(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(
        '{"step": 10, "loss": 1.5, "norm": null}\n'
        '{"step": 20, "loss": 2, "late": -0.5}\n'
        'no json\n[1]\n{"loss": 9}\n{"step": null}\n'
        '{"step": 30, "loss": 3.0, "norm": Infinity}\n'
        '{"step": 40, "loss": 4.'
    )
    steps, metrics = read_metrics(path)
    assert steps.tolist() == [10, 20, 30]
    nan = float("nan")
    np.testing.assert_equal(
        {name: column.tolist() for name, column in metrics.items()},
        {"loss": [1.5, 2.0, 3.0], "norm": [nan] * 3, "late": [nan, -0.5, nan]},
    )


def test_of_two_lines_of_a_step_the_later_one_holds(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(f'{{"step": {s}, "loss": {x}}}\n' for s, x in ((1, 1), (2, 2), (1, 7))))
    steps, metrics = read_metrics(path)
    assert (steps.tolist(), metrics["loss"].tolist()) == ([1, 2], [7.0, 2.0])


def test_where_nothing_was_written_there_is_nothing(tmp_path: Path) -> None:
    steps, metrics = read_metrics(tmp_path / "none")
    assert steps.size == 0 and metrics == {}
    assert read_json(tmp_path / "none") is None
    (tmp_path / "half").write_text('{"a": ')
    (tmp_path / "list").write_text("[]")
    (tmp_path / "bytes").write_bytes(b"\xff")
    assert [read_json(tmp_path / name) for name in ("half", "list", "bytes")] == [None] * 3
    assert step_files(tmp_path / "none", ".png") == {}


def test_files_are_found_by_step(tmp_path: Path) -> None:
    for name in ("step-00000010.png", "step-00000002.png", "step-x.png", "step-00000003.txt"):
        (tmp_path / name).touch()
    found = step_files(tmp_path, ".png")
    assert list(found) == [2, 10]
    assert found[10] == tmp_path / "step-00000010.png"
