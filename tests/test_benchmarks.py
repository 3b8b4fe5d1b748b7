"""The parts of benchmarks that decide what is compared, on results known by thought."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def run_step(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import run_step

    yield run_step
    for name in ("run_step", "turns", "export_step", "networks"):
        sys.modules.pop(name, None)


def test_arguments_are_the_same_on_every_machine(run_step: Any) -> None:
    first, again = (run_step.argument(3, [2, 50], "float32", 0.5) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.float32 and np.abs(first).max() <= 1.0
    assert np.std(first) == pytest.approx(0.5, rel=0.2)
    assert not np.array_equal(first, run_step.argument(4, [2, 50], "float32", 0.5))
    assert run_step.argument(3, [], "int64", 0.0) == 0
    assert run_step.argument(3, [], "float32", 65536.0) == 65536.0


def test_the_error_is_relative_to_what_was_expected(run_step: Any) -> None:
    assert run_step.error([3.0, 4.0], [3.0, 4.0]) == 0.0
    assert run_step.error([0.0, 0.0], [3.0, 4.0]) == 1.0
    assert len(run_step.sample(np.arange(1000))) == 64
    assert run_step.sample(np.arange(1000)) == run_step.sample(np.arange(1000))


def test_the_table_compares_the_fastest_modes(run_step: Any) -> None:
    seconds = {
        "ours train plain": 0.020,
        "ours train xla": 0.010,
        "pytorch train eager": 0.050,
        "pytorch train compiled": 0.005,
    }
    *_, row = run_step.table([{"case": "8x1x1/float32", "seconds": seconds}]).splitlines()
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == [
        *("8x1x1/float32", "train", "10.00 (train xla)", "5.00 (compiled)", "0.50"),
        *("50.00", "5.00"),
    ]


def test_sides_take_turns_at_the_tasks_that_they_have(run_step: Any) -> None:
    asked = []

    class Side:
        def __init__(self, name: str) -> None:
            self.name = name

        def ask(self, task: str) -> float:
            asked.append((self.name, task))
            return float(len(asked))

    sides = {name: Side(name) for name in ("ours", "theirs")}
    tasks = {"ours": ["train", "infer"], "theirs": ["train"]}
    seconds = run_step.turns.take_turns(sides, tasks, rounds=1)
    # The first round, of three answers, warms up.
    assert seconds == {"ours": {"train": [4.0], "infer": [6.0]}, "theirs": {"train": [5.0]}}
    assert asked == 2 * [("ours", "train"), ("theirs", "train"), ("ours", "infer")]


def test_files_are_grouped_by_case(run_step: Any) -> None:
    names = ("train-8x1x1-float32", "infer-8x1x1-float32", "train-8x1x2-mixed_bfloat16")
    found = run_step.cases([Path(f"{name}.json") for name in names])
    assert {case: sorted(kinds) for case, kinds in found.items()} == {
        "8x1x1/float32": ["infer", "train"],
        "8x1x2/mixed_bfloat16": ["train"],
    }


def test_an_exported_function_names_the_variables_it_takes(
    run_step: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import export_step

    class Model:
        def __init__(self) -> None:
            self.weight = tf.Variable(tf.ones([3, 3, 1, 1]))

        def state(self) -> dict[str, dict[str, tf.Variable]]:
            return {"network": {"conv/kernel": self.weight}}

    model, other = Model(), tf.Variable(1.0)
    image = tf.zeros([1, 8, 8, 1])
    monkeypatch.setattr(export_step, "_OUTPUT", type("Flag", (), {"value": str(tmp_path)}))
    convolve = tf.function(lambda x: tf.nn.conv2d(x, model.weight, 1, "SAME"), jit_compile=True)
    about = export_step.write("infer-8x1x1-float32", model, convolve, (image,))
    assert about == json.loads((tmp_path / "infer-8x1x1-float32.json").read_text())
    assert about["names"] == ["input_0", "network/conv/kernel"]
    assert about["arguments"] == [
        [[1, 8, 8, 1], "float32", 0.5],
        [[3, 3, 1, 1], "float32", 0.02],
    ]
    assert (tmp_path / "infer-8x1x1-float32.hlo.xz").stat().st_size > 100
    stranger = tf.function(lambda x: x * other).get_concrete_function(image)
    with pytest.raises(RuntimeError, match="more than variables"):
        export_step.captured_variables(model, stranger)
