"""Checkpoints survive damage, name it, and never restore half a run."""

from pathlib import Path

import pytest
import tensorflow as tf

from cyclegan_tf.errors import UserError
from cyclegan_tf.training.checkpoints import Checkpoints


def state(value: float = 0.0) -> dict[str, dict[str, tf.Variable]]:
    return {"net": {"layer/kernel": tf.Variable(tf.fill([64, 64], value))}}


def saved(folder: Path, *steps: int) -> None:
    variables = state()
    checkpoints = Checkpoints(folder, variables)
    for step in steps:
        variables["net"]["layer/kernel"].assign(tf.fill([64, 64], float(step)))
        checkpoints.save(step)


def restored(folder: Path) -> tuple[int | None, float]:
    variables = state()
    step = Checkpoints(folder, variables).restore_latest()
    return step, float(variables["net"]["layer/kernel"][3, 5])


def test_latest_is_restored(tmp_path: Path) -> None:
    saved(tmp_path, 9, 10)
    assert restored(tmp_path) == (10, 10.0)


def test_no_checkpoint_is_a_fresh_start_for_training_and_an_error_for_use(tmp_path: Path) -> None:
    assert restored(tmp_path / "none") == (None, 0.0)
    with pytest.raises(UserError, match="there is no checkpoint"):
        Checkpoints(tmp_path / "none", state()).restore()


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, 3, 4, 5)
    assert Checkpoints(tmp_path, state()).steps() == [3, 4, 5]
    assert len(list(tmp_path.iterdir())) == 6


def damage_flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def damage_truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


def damage_empty(file: Path) -> None:
    file.write_bytes(b"")


def damage_remove(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("damage", [damage_flip, damage_truncate, damage_empty, damage_remove])
def test_damaged_checkpoint_is_named_and_the_one_before_is_used(
    tmp_path: Path, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    saved(tmp_path, 1, 2)
    damage(tmp_path / "step-00000002.data-00000-of-00001")  # type: ignore[operator]
    assert restored(tmp_path) == (1, 1.0)
    assert "checkpoint of step 2 cannot be read" in caplog.text


@pytest.mark.parametrize("damage", [damage_flip, damage_truncate, damage_empty])
def test_damaged_index_falls_back_too(tmp_path: Path, damage: object) -> None:
    saved(tmp_path, 1, 2)
    damage(tmp_path / "step-00000002.index")  # type: ignore[operator]
    assert restored(tmp_path) == (1, 1.0)


def test_interrupted_save_is_no_checkpoint(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2)
    damage_remove(tmp_path / "step-00000002.index")
    assert restored(tmp_path) == (1, 1.0)


def test_damaged_checkpoints_do_not_push_out_good_ones(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, 3)
    for step in (2, 3):
        damage_empty(tmp_path / f"step-0000000{step}.data-00000-of-00001")
    variables = state()
    checkpoints = Checkpoints(tmp_path, variables, keep=2)
    assert checkpoints.restore_latest() == 1
    checkpoints.save(2)
    assert checkpoints.steps() == [1, 2]
    assert restored(tmp_path) == (2, 1.0)


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    saved(tmp_path, 1)
    damage_empty(tmp_path / "step-00000001.data-00000-of-00001")
    with pytest.raises(UserError, match="none of the 1 checkpoints"):
        restored(tmp_path)


def test_a_variable_that_is_missing_is_not_left_at_its_fresh_value(tmp_path: Path) -> None:
    saved(tmp_path, 1)
    larger = {**state(), "more": {"x": tf.Variable(1.0)}}
    with pytest.raises(UserError, match="none of the 1 checkpoints"):
        Checkpoints(tmp_path, larger).restore_latest()


def test_part_of_a_run_can_be_restored(tmp_path: Path) -> None:
    Checkpoints(tmp_path, {**state(3.0), "more": {"x": tf.Variable(1.0)}}).save(7)
    assert restored(tmp_path) == (7, 3.0)


def test_unwritable_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot write a checkpoint"):
        Checkpoints(tmp_path / "file", state()).save(1)
