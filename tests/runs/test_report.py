"""Runs in every state, and of every model, come to a page that says what they are."""

import html
import json
import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from cyclegan_tf.cli import CommandLine
from cyclegan_tf.config.config import Config
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import write_image
from cyclegan_tf.runs.report import report_if_possible, report_run
from cyclegan_tf.runs.workdir import Workdir

DESCRIPTION = {
    "training_pictures": {"a": 1234, "b": 56},
    "test_pictures": {"a": 7, "b": 8},
    "parameters": {"generator_ab": 45678, "discriminator_a": 910},
    "steps_per_epoch": 10,
    "stop_step": 60,
}
METRICS = {
    "cyclegan": ("generator_loss", "cycle_loss_a", "discriminator_loss_a"),
    "pix2pix": ("generator_loss", "l1_loss", "discriminator_loss"),
    "autoencoder": ("generator_loss", "generator_gradient_norm"),
}


def make_run(root: Path, step: int = 60, **options: object) -> Workdir:
    """A workdir as `train` leaves it, but for the checkpoint's content and the evaluation."""
    files = Workdir(root)
    config = Config.of(str(options.get("model", "cyclegan"))).replace(options).validate()
    files.store_config(config)
    files.description.write_text(json.dumps(DESCRIPTION))
    names = METRICS[config.model.model]
    lines = [{"step": s, **dict.fromkeys(names, 1 / s)} for s in range(10, step + 1, 10)]
    files.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    files.clock.write_text(json.dumps({"step": step, "seconds": 90.0, "device": "CPU, 2 cores"}))
    files.checkpoints.mkdir()
    (files.checkpoints / f"step-{step:08d}.index").touch()
    for drawn in range(0, step + 1, 20):
        write_image(files.samples / f"step-{drawn:08d}.png", np.zeros((40, 60, 3), np.uint8))
    return files


def page_of(files: Workdir) -> str:
    return html.unescape(report_run(files.root).read_text())


def facts(text: str) -> dict[str, tuple[str, str]]:
    found = re.findall(r"<li><small>(.*?)</small><b>(.*?)</b><small>(.*?)</small>", text)
    return {title: (value, detail) for title, value, detail in found}


def test_a_finished_run_is_shown_with_what_is_known_of_it(tmp_path: Path) -> None:
    files = make_run(tmp_path / "mine", data="a/b", filters=8)
    figures = {"translation": {"changed_mae": 1.0}, "unchanged_input": {"changed_mae": 8.0}}
    files.evaluation.write_text(json.dumps({"a2b": figures}))
    before = sorted(tmp_path.rglob("*"))
    text = page_of(files)
    assert sorted(tmp_path.rglob("*")) == sorted([*before, files.report])
    shown = facts(text)
    assert shown["steps"] == ("60", "100 + 100 epochs")
    assert shown["time"] == ("90.0 s", "1.5 s a step, CPU, 2 cores")
    assert shown["training images"] == ("1,234 A + 56 B", "and 7 A + 8 B for tests")
    assert shown["generator"] == ("resnet_9", "8 filters, 45,678 parameters")
    assert shown["discriminator"] == ("patch", "8 filters, 910 parameters")
    assert shown["error left, A → B"][0] == "0.125"
    assert "<h1>mine</h1>" in text and "trained on a/b at 256 px" in text
    assert "Not finished" not in text and "Resume training" not in text
    assert text.count("data-step=") == 4


def test_the_names_of_the_domains_are_shown_as_text(tmp_path: Path) -> None:
    hostile = "<img src=x>|" * 5
    files = make_run(tmp_path, data_a="blond", data_b="other", name_b=hostile)
    found = {"translation": {"changed_mae": 1.0}, "unchanged_input": {"changed_mae": 8.0}}
    files.evaluation.write_text(json.dumps({"a2b": found}))
    assert "<img src=x" not in report_run(files.root).read_text()
    text = page_of(files)
    shown = facts(text)
    assert shown["training images"][0] == f"1,234 blond + 56 {hostile}"
    assert shown[f"error left, blond → {hostile}"][0] == "0.125"
    assert f"from blond to {hostile} (or b2a" in text
    assert f"<em>a</em> is blond and <em>b</em> is {hostile}" in text


@pytest.mark.parametrize(
    ("options", "said", "not_said"),
    [
        ({"model": "cyclegan"}, ["A CycleGAN", "or b2a", "lambda_cycle"], ["lambda_l1"]),
        (
            {"model": "pix2pix"},
            [
                "A pix2pix model",
                "lambda_l1",
                "unet_256",
                "--model=pix2pix",
                "L1 distance to the target",
            ],
            ["b2a", "pool_size"],
        ),
        (
            {"model": "autoencoder", "noise": 0.1},
            ["without their noise", "encoder_decoder", "--noise=0.1"],
            ["discriminator_layers", "undecided", "b2a"],
        ),
        (
            {"model": "autoencoder", "task": "segment", "classes": 3, "channels_b": 1},
            ["predict the class of each pixel", "75.0%", "mean IoU", "--task=segment"],
            ["discriminator_layers", "b2a"],
        ),
    ],
)
def test_every_model_is_called_what_it_is(
    options: dict, said: list[str], not_said: list[str], tmp_path: Path
) -> None:
    files = make_run(tmp_path, **options)
    if "task" in options:
        labels = {"labels": {"pixel_accuracy": 0.75, "mean_iou": 0.5}}
        files.evaluation.write_text(json.dumps({"a2b": labels}))
    text = page_of(files)
    body = text.partition("<body>")[2].rpartition("<script>")[0]
    assert [word for word in said if word not in body] == []
    assert [word for word in not_said if word in body] == []


def test_a_run_that_goes_on_says_where_it_stands(tmp_path: Path) -> None:
    files = make_run(tmp_path, step=50)
    with files.metrics.open("a") as file:
        file.write('{"step": 60, "gen')  # A line that is being written.
    text = page_of(files)
    assert "step 50 of 60" in text and "latest checkpoint is of step 50" in text
    assert facts(text)["steps"] == ("50", "of 60")
    assert "not been evaluated yet" in text and "no gallery yet" in text
    assert f"cyclegan_tf.train --workdir={tmp_path}\n" in text.replace("</pre>", "\n")


def test_a_converted_run_has_no_curves_and_says_so(tmp_path: Path) -> None:
    files = Workdir(tmp_path)
    files.store_config(Config())
    files.checkpoints.mkdir()
    (files.checkpoints / "step-00000000.index").touch()
    text = page_of(files)
    assert "converted networks" in text and "not been trained here" in text
    assert text.count('class="missing"') == 4


def test_gradients_that_overflowed_leave_gaps(tmp_path: Path) -> None:
    files = make_run(tmp_path)
    lines = [{"step": s, "generator_gradient_norm": None if s < 4 else 2.0} for s in range(1, 9)]
    files.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = page_of(files)
    assert "generator_gradient_norm: 2<" in text
    files.metrics.write_text('{"step": 1, "generator_gradient_norm": null}\n')
    assert "There are no curves" in page_of(files)


def test_damaged_files_are_as_good_as_none_or_named(tmp_path: Path) -> None:
    files = make_run(tmp_path)
    for path in (files.description, files.clock, files.evaluation, files.metrics):
        path.write_text('{"half')
    (files.samples / "step-00000020.png").write_bytes(b"\x89PNG")
    text = page_of(files)
    assert "cannot be read: step-00000020.png" in text and text.count("data-step=") == 3
    assert "not been evaluated yet" in text


def test_the_commands_are_those_of_this_run(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = Path("my runs/x")
    make_run(root, data="photos & more", lambda_cycle=5.0, jit_compile=True, max_steps=60)
    text = html.unescape(report_run(root).read_text())
    assert "a2b --input=images" in text and "'--workdir=my runs/x'" in text
    assert str(tmp_path) not in text
    last = re.findall(r"<pre>(.*?)</pre>", text, re.DOTALL)[-1]
    words = shlex.split(last.replace("\\\n", ""))
    line = CommandLine("")
    line.add("workdir", str, "", "")
    line.add_config()
    line.parse(words[2:])
    # The last one makes the same configuration.
    assert line.config(None) == Workdir(root).stored_config()
    assert words[:3] == ["python", "-m", "cyclegan_tf.train"]


def test_names_of_files_are_no_html(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>&'\""
    files = make_run(tmp_path / name, data=name)
    text = report_run(files.root).read_text()
    assert "<img src=x" not in text and text.count("&lt;img src=x") > 5


def test_without_a_run_there_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no config.json"):
        report_run(tmp_path)
    assert report_if_possible(tmp_path) is None


def test_a_page_that_cannot_be_written_is_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = make_run(tmp_path)
    files.report.write_text("before")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert report_if_possible(tmp_path) is None
    (record,) = caplog.records
    assert f"cannot write the report to {files.report}: " in record.getMessage()
    assert "No space left" in record.getMessage()
    assert f"python -m cyclegan_tf.report --workdir={tmp_path}" in record.getMessage()
    assert files.report.read_text() == "before"
    assert [name for name in os.listdir(tmp_path) if name.endswith(".partial")] == []
