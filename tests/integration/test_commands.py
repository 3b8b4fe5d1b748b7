"""The commands as people run them, in processes of their own, on a folder of pictures."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from running import NO_PROCESS, SMALLEST, as_flags

from cyclegan_tf.images.images import read_image, write_image

TINY = as_flags(SMALLEST)


def start(command: str, *flags: str, cwd: Path | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"cyclegan_tf.{command}", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
    )


def run(command: str, *flags: str, cwd: Path | None = None) -> tuple[int, str, str]:
    process = start(command, *flags, cwd=cwd)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def trained(picture_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    workdir = tmp_path_factory.mktemp("run")
    flags = (f"--data={picture_folders}", f"--workdir={workdir}", *TINY)
    status, out, err = run("train", *flags, "--max_steps=2")
    assert status == 0, err
    assert str(workdir / "gallery.png") in out
    # After what is going to be done, and before all else that was written.
    said = [line for line in out.splitlines() if str(workdir) in line]
    assert said[1] == f"report:      {workdir / 'report.html'}"
    assert "data-step" in (workdir / "report.html").read_text()
    assert "changed-pixel error" in out
    return workdir


def test_two_replicas_continue_a_run_of_one(trained: Path) -> None:
    flags = (f"--workdir={trained}", "--max_steps=3", "--replicas=2")
    status, _, err = run("train", *flags)
    assert status == 0, err
    assert "resuming at step 2 of 3" in err
    lines = (trained / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3]


def test_translate_keeps_paths_stems_and_sizes(trained: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sizes = {"a.png": (17, 30), "deep/b.jpg": (64, 64), "deep/deeper/c.webp": (5, 9)}
    for name, size in sizes.items():
        write_image(tmp_path / "in" / name, rng.integers(0, 256, (*size, 3)).astype(np.uint8))
    (tmp_path / "in/broken.png").write_bytes(b"no picture")
    (tmp_path / "in/notes.txt").write_text("no picture either")
    flags = ("--direction=b2a", f"--input={tmp_path / 'in'}", f"--output={tmp_path / 'out'}")
    status, out, err = run(
        "translate", f"--workdir={trained}", *flags, f"--side_by_side={tmp_path / 'sheets'}"
    )
    assert status == 1
    assert "3 translations" in out
    assert "broken.png" in err
    assert "Traceback" not in err
    for name, size in sizes.items():
        translated = read_image((tmp_path / "out" / name).with_suffix(".png"))
        assert translated.shape == (*size, 3)
        assert (tmp_path / "sheets" / name).with_suffix(".png").exists()


def test_a_translation_that_is_killed_again_and_again_ends_with_the_same_bits(
    trained: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    for number in range(150):
        size = [(17, 30), (24, 24), (64, 48)][number % 3]
        picture = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
        write_image(tmp_path / f"in/{number:03}.png", picture)
    common = (f"--workdir={trained}", f"--input={tmp_path / 'in'}", "--batch_size=4")

    def contents(folder: Path) -> dict[str, bytes]:
        files = [file for file in folder.rglob("*") if file.name != "manifest.jsonl"]
        return {file.name: file.read_bytes() for file in files}

    status, _, err = run("translate", *common, f"--output={tmp_path / 'at_once'}")
    assert status == 0, err
    out = tmp_path / "out"
    for wanted in (1, 60):
        process = start("translate", *common, f"--output={out}")
        deadline = time.monotonic() + 240
        while len(list(out.glob("*.png"))) < wanted and time.monotonic() < deadline:
            time.sleep(0.005)
        process.kill()
        process.communicate(timeout=60)
        assert len(list(out.glob("*.png"))) >= wanted
    (out / f".149.png.{NO_PROCESS}.partial").write_bytes(b"half")
    status, stdout, err = run("translate", *common, f"--output={out}")
    assert status == 0, err
    assert "skipped (already translated)" in stdout and " 0 skipped" not in stdout
    assert contents(out) == contents(tmp_path / "at_once")
    assert len(contents(out)) == 150


def test_another_direction_is_not_mixed_with_what_is_there(trained: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "in/x.png", np.zeros((8, 8, 3), np.uint8))
    flags = (f"--workdir={trained}", f"--input={tmp_path / 'in'}", f"--output={tmp_path / 'out'}")
    assert run("translate", *flags)[0] == 0
    status, _, err = run("translate", *flags, "--direction=b2a")
    assert status == 1
    assert "direction a2b, not b2a" in err.splitlines()[-1]
    assert "--overwrite" in err.splitlines()[-1] and "Traceback" not in err
    assert run("translate", *flags, "--direction=b2a", "--overwrite")[0] == 0


def test_evaluate_repeats_what_training_found(trained: Path) -> None:
    at_end = json.loads((trained / "evaluation.json").read_text())
    (trained / "report.html").unlink()
    status, out, err = run("evaluate", f"--workdir={trained}")
    assert status == 0, err
    assert (trained / "report.html").exists()
    again = json.loads((trained / "evaluation.json").read_text())
    for direction in ("a2b", "b2a"):
        for row, figures in at_end[direction].items():
            assert again[direction][row] == pytest.approx(figures, rel=1e-2)
    assert "unchanged input" in out


def test_sigterm_checkpoints_and_leaves(picture_folders: Path, tmp_path: Path) -> None:
    flags = (f"--data={picture_folders}", f"--workdir={tmp_path}", *TINY)
    process = start("train", *flags)
    deadline = time.monotonic() + 240
    metrics = tmp_path / "metrics.jsonl"
    while not (metrics.exists() and metrics.read_text()) and time.monotonic() < deadline:
        time.sleep(0.2)
    os.kill(process.pid, signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 143
    assert out.endswith(f"report:      {tmp_path / 'report.html'}\n")
    assert "stopped by SIGTERM at step" in err
    assert "Traceback" not in err
    (index,) = (tmp_path / "checkpoints").glob("*.index")
    last = json.loads(metrics.read_text().splitlines()[-1])["step"]
    assert int(index.stem.removeprefix("step-")) == last


@pytest.mark.parametrize(
    ("command", "flags", "message"),
    [
        ("train", ("--workdir=w", "--data=nowhere"), "nowhere is neither a folder nor"),
        ("train", ("--data=nowhere",), "--workdir is needed"),
        ("train", ("--workdir=w", "--lr=1"), "Unknown command line flag 'lr'"),
        ("train", ("--workdir=w", "--crop_size=16", "--load_size=16"), "--discriminator_layers=3"),
        ("train", ("--workdir=w", "--seed=5000000000"), "--seed=5000000000: expected at most"),
        ("train", ("--workdir=w", "--batch_size=0"), "--batch_size=0: expected at least 1"),
        ("train", ("--workdir=w", "--flagfile=missing.flags"), "missing.flags"),
        ("translate", ("--workdir=nowhere", "--input=x", "--output=y"), "no config.json"),
        ("translate", ("--workdir=w", "--tile=-1"), "--tile=-1: expected at least 0"),
        ("evaluate", ("--workdir=nowhere",), "no config.json"),
    ],
)
def test_mistakes_are_one_line_and_a_status(
    command: str, flags: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    status, _, err = run(command, *flags, cwd=tmp_path)
    assert status == 1
    assert message in err
    assert err.startswith("error: ")
    assert len(err.strip().splitlines()) == 1


def test_corrupt_domain_stops_the_run_at_once(picture_folders: Path, tmp_path: Path) -> None:
    for domain in ("trainA", "trainB"):
        (tmp_path / domain).mkdir()
        for file in (picture_folders / domain).iterdir():
            whole = file.read_bytes()
            damaged = domain == "trainB" and int(file.stem) % 2
            (tmp_path / domain / file.name).write_bytes(
                whole[: len(whole) // (2 if damaged else 1)]
            )
    status, _, err = run("train", f"--data={tmp_path}", f"--workdir={tmp_path / 'w'}", *TINY)
    assert status == 1
    assert "trainB" in err.splitlines()[-1]
    assert "unreadable" in err.splitlines()[-1]
    assert "Traceback" not in err
