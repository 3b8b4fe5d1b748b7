"""What observers write can be read again, and is written once."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from running import filled

from cyclegan_tf.images.images import read_image
from cyclegan_tf.training.observers import (
    Clock,
    MetricsLog,
    ProgressBar,
    SamplePictures,
    TensorBoardLog,
    tensorboard_writer,
)
from cyclegan_tf.training.records import read_clock

METRICS = {
    "generator_loss": 1.5,
    "discriminator_loss_a": 0.25,
    "discriminator_loss_b": 0.75,
    "cycle_loss_a": 3.0,
    "cycle_loss_b": 4.0,
}


def steps_in(path: Path) -> list[int]:
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


def test_metrics_are_json_lines_at_the_interval(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl", 0, every=3)
    for step in range(1, 8):
        log.after_step(step, METRICS)
    log.close()
    assert steps_in(tmp_path / "metrics.jsonl") == [3, 6]
    first = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0])
    assert first == {"step": 3, **METRICS}


def test_no_step_appears_twice_after_a_run_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')
    log = MetricsLog(path, start_step=2, every=1)
    log.after_step(3, METRICS)
    log.close()
    assert steps_in(path) == [1, 2, 3]


def test_what_is_no_line_of_metrics_is_dropped_when_a_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n[1]\n5\nnull\n{"step": null}\n{"step": 2}\n\xff\n{"step": 9}\n')
    MetricsLog(path, start_step=2, every=1).after_step(3, METRICS)
    assert steps_in(path) == [1, 2, 3]


def test_metrics_on_a_full_disk_are_told_by_name_and_none_is_lost(small_disk: Path) -> None:
    path = small_disk / "metrics.jsonl"
    log = MetricsLog(path, 0, every=1)
    log.after_step(1, METRICS)
    with filled(small_disk):
        with pytest.raises(OSError, match="No space left on device: '.*metrics.jsonl'"):
            for step in range(2, 1000):  # What is left of its last block is still to be had.
                log.after_step(step, METRICS)
        reached = step
        with pytest.raises(OSError, match="No space left on device: '.*metrics.jsonl'"):
            MetricsLog(path, reached - 1, every=1)
    MetricsLog(path, reached - 1, every=1).after_step(reached, METRICS)
    assert steps_in(path) == list(range(1, reached + 1))


def test_curves_and_samples_on_a_full_disk_fail_as_other_files_do(small_disk: Path) -> None:
    writer = tensorboard_writer(small_disk / "logs")
    sheet = np.random.default_rng(0).integers(0, 256, (90, 90, 3)).astype(np.uint8)
    scalars = TensorBoardLog(writer, 1, 1, lambda: 1e-4)
    samples = SamplePictures(small_disk / "samples", 1, lambda: sheet, writer)
    samples.show(0)
    scalars.after_step(1, METRICS)
    with filled(small_disk):
        with pytest.raises(OSError, match="TensorBoard's logs: .*No space left on device"):
            tensorboard_writer(small_disk / "logs of another")
        with pytest.raises(OSError, match="No space left on device: '.*step-00000001.png'"):
            samples.show(1)
        with pytest.raises(OSError, match="TensorBoard's logs: .*No space left on device"):
            for step in range(2, 1000):
                scalars.after_step(step, METRICS)
    assert [path.name for path in (small_disk / "samples").iterdir()] == ["step-00000000.png"]


def test_the_clock_goes_on_when_a_run_does_and_starts_anew_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, path = 100.0, tmp_path / "clock.json"
    monkeypatch.setattr("time.monotonic", lambda: now)
    clock = Clock(path, 0, every=2, device="CPU")
    assert read_clock(path) is None
    now = 107.0
    clock.after_step(1, METRICS)
    assert read_clock(path) is None
    clock.after_step(2, METRICS)
    assert read_clock(path) == {"step": 2, "seconds": 7.0, "device": "CPU"}
    now = 500.0  # What passes between two runs does not count.
    clock = Clock(path, 2, every=2, device="GPU")
    now = 501.5
    clock.after_step(3, METRICS)
    clock.close()
    assert read_clock(path) == {"step": 3, "seconds": 8.5, "device": "GPU"}
    Clock(path, 0, every=2, device="CPU").close()
    assert read_clock(path) == {"step": 0, "seconds": 0.0, "device": "CPU"}
    path.write_text("{")
    assert read_clock(path) is None


def test_progress_shows_losses_speed_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ProgressBar(2, 4, batch_size=8)
    bar.after_step(3, METRICS)
    bar.after_step(4, METRICS)
    bar.close()
    shown = capsys.readouterr().err
    assert "G=1.500" in shown
    assert "D_a=0.250" in shown
    assert "images/s=" in shown
    assert "4/4 [" in shown


def test_tensorboard_gets_scalars_and_pictures(tmp_path: Path) -> None:
    writer = tensorboard_writer(tmp_path / "logs")
    sheet = np.full((8, 9, 3), 200, np.uint8)
    samples = SamplePictures(tmp_path / "samples", 2, lambda: sheet, writer)
    scalars = TensorBoardLog(writer, 2, 1, lambda: 1e-4)
    for step in (1, 2):
        for observer in (samples, scalars):
            observer.after_step(step, METRICS)
    scalars.close()
    assert np.array_equal(read_image(tmp_path / "samples/step-00000002.png"), sheet)
    assert len(list((tmp_path / "samples").iterdir())) == 1
    (events,) = (tmp_path / "logs").iterdir()
    tags = {
        value.tag
        for record in tf.data.TFRecordDataset([str(events)])
        for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value
    }
    assert tags == {*METRICS, "learning_rate", "images_per_second", "samples"}
