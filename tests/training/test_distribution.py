"""Replicas are chosen and refused as documented."""

import pytest
import tensorflow as tf

from cyclegan_tf.errors import UserError
from cyclegan_tf.training import distribution
from cyclegan_tf.training.distribution import make_strategy
from cyclegan_tf.training.workers import Workers


def test_without_gpu_one_replica_is_the_default() -> None:
    assert make_strategy(None, batch_size=4).num_replicas_in_sync == 1


def test_logical_cpus_stand_in_for_gpus() -> None:
    strategy = make_strategy(2, batch_size=4)
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    assert strategy.num_replicas_in_sync == 2


def test_a_batch_that_cannot_be_divided_is_refused_with_both_numbers() -> None:
    with pytest.raises(UserError, match=r"`batch_size=3` .* `replicas=2`"):
        make_strategy(2, batch_size=3)


def test_more_logical_cpus_than_were_made_before_is_a_clear_error() -> None:
    tf.constant(1.0)
    with pytest.raises(UserError, match="3 logical CPUs"):
        make_strategy(3, batch_size=3)


@pytest.mark.parametrize(("batch_size", "expected"), [(1, 1), (2, 2), (3, 3), (4, 2), (5, 1)])
def test_the_default_is_the_largest_number_of_gpus_that_divides(
    monkeypatch: pytest.MonkeyPatch, batch_size: int, expected: int
) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["gpu"] * 3)
    made: list[tuple[str, ...]] = []
    monkeypatch.setattr(distribution, "_mirrored", made.append)
    make_strategy(None, batch_size)
    assert (len(made[0]) if made else 1) == expected
    if expected > 1:
        assert made[0][0] == "GPU:0"


@pytest.mark.parametrize(("replicas", "taken"), [(None, 1), (2, 2)])
def test_of_several_workers_each_takes_one_gpu_if_not_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    replicas: int | None,
    taken: int,
) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["gpu"] * 3)
    asked: list[int] = []
    monkeypatch.setattr(distribution, "_joined", lambda *arguments: asked.append(arguments[2]))
    with caplog.at_level("INFO"):
        make_strategy(replicas, 12, Workers(("a:1", "b:2"), 1))
    assert asked == [taken]
    assert ("using 1 of 3 GPUs; set `replicas`" in caplog.text) == (replicas is None)


def test_more_replicas_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["gpu"])
    with pytest.raises(UserError, match=r"`replicas=2`: this machine has 1 GPU"):
        make_strategy(2, batch_size=2)
