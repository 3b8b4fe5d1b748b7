"""Checkpoints survive damage, name it, and never restore half a run."""

import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tensorflow as tf
from running import filled, read_only

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
    with pytest.raises(UserError, match="found no checkpoint in"):
        Checkpoints(tmp_path / "none", state()).restore()


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, 3, 4, 5)
    assert Checkpoints(tmp_path, state()).steps() == [3, 4, 5]
    assert len(list(tmp_path.iterdir())) == 6


def test_a_step_can_be_chosen(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, 3)
    variables = state()
    checkpoints = Checkpoints(tmp_path, variables)
    assert checkpoints.restore(2) == 2
    assert float(variables["net"]["layer/kernel"][3, 5]) == 2.0
    with pytest.raises(UserError, match="no checkpoint of step 4 in .*; available steps: 1, 2, 3"):
        checkpoints.restore(4)
    assert checkpoints.restore() == 3


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


def test_no_other_takes_the_place_of_a_chosen_one(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2)
    damage_empty(tmp_path / "step-00000002.data-00000-of-00001")
    with pytest.raises(UserError, match="checkpoint of step 2 cannot be read"):
        Checkpoints(tmp_path, state()).restore(2)


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


@pytest.mark.parametrize("file", ["index", "data-00000-of-00001"])
def test_no_flipped_bit_is_taken_for_the_truth(tmp_path: Path, file: str) -> None:
    saved(tmp_path, 1, 2)
    path, rng = tmp_path / f"step-00000002.{file}", random.Random(0)
    whole = path.read_bytes()
    for place in rng.sample(range(len(whole)), 30):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        # A few bytes of an index mean nothing.
        assert restored(tmp_path) in [(1, 1.0), (2, 2.0)][: 1 + (file == "index")]


def test_a_file_of_tensorflows_that_names_the_latest_is_not_needed(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2)
    assert not (tmp_path / "checkpoint").exists()
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "step-00000001"')
    assert restored(tmp_path) == (2, 2.0)


def test_what_interrupted_saves_have_left_is_removed(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2)
    (tmp_path / "step-00000002.index").unlink()
    (tmp_path / "step-00000003_temp").mkdir()
    (tmp_path / "step-00000003_temp/part-00000-of-00001.index").touch()
    saved(tmp_path, 4)
    assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} == {
        "step-00000001",
        "step-00000004",
    }


@contextmanager
def small_files(disk: Path) -> Iterator[None]:
    """Lets this process write no file of more than 4 KiB, as where a quota is used up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    "fault, says",
    [
        (filled, "No space left on device"),
        (read_only, "Read-only file system"),
        (small_files, "File too large"),
    ],
)
def test_a_checkpoint_that_cannot_be_written_leaves_those_before(
    request: pytest.FixtureRequest, tmp_path: Path, fault: object, says: str
) -> None:
    disk = tmp_path if fault is small_files else request.getfixturevalue("small_disk")
    saved(disk / "run", 1)
    before = {path.name: path.read_bytes() for path in (disk / "run").iterdir()}
    with fault(disk), pytest.raises(UserError, match=says) as caught:  # type: ignore[operator]
        saved(disk / "run", 2)
    assert "cannot write a checkpoint" in str(caught.value) and "{{" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in (disk / "run").iterdir()} == before
    assert restored(disk / "run") == (1, 1.0)
    saved(disk / "run", 2)
    assert restored(disk / "run") == (2, 2.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_never_the_latest(tmp_path: Path, value: float) -> None:
    saved(tmp_path, 1)
    with pytest.raises(UserError, match="net/layer/kernel is not finite after step 2"):
        Checkpoints(tmp_path, state(value)).save(2)
    assert restored(tmp_path) == (1, 1.0)
