"""Preparing data sets by the command."""

import json
import shutil
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from cyclegan_tf import prepare, train
from cyclegan_tf.data import tfds_source
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import read_image, write_image
from cyclegan_tf.preparation.fetch import known_archives


def run(*arguments: str) -> int:
    return prepare.main(["prepare", *arguments])


def test_clean_data_is_checked(
    picture_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--crop_size=32", f"--output={tmp_path}"]
    assert run("check", str(picture_folders), *flags) == 0
    out = capsys.readouterr().out
    assert "trainB  9         0" in out
    assert str(tmp_path / "contact_sheet.png") in out
    assert json.loads((tmp_path / "report.json").read_text())["errors"] == []


def test_a_leak_fails_the_check(
    picture_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shutil.copytree(picture_folders, tmp_path / "data")
    shutil.copy(data / "trainA/02.png", data / "testA/leak.png")
    assert run("check", f"--data={data}", "--crop_size=32") == 1
    assert "error:   1 pictures are both in training and in the test" in capsys.readouterr().out
    assert (tmp_path / "data_check/duplicates.png").exists()


def test_two_folders_are_checked(picture_folders: Path, tmp_path: Path) -> None:
    folders = [str(picture_folders / "trainA"), f"--other={picture_folders / 'trainB'}"]
    assert run("check", *folders, f"--output={tmp_path}") == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert [*report["domains"]] == ["trainA", "trainB"]


def test_a_collection_is_split_and_then_trained_on(
    picture_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["file,blue"]
    for domain in ("trainA", "trainB"):
        for path in sorted((picture_folders / domain).iterdir()):
            lines.append(f"{domain}/{path.name},{'true' if domain == 'trainB' else 'false'}")
    table = tmp_path / "table.csv"
    table.write_text("\n".join(lines))
    output = tmp_path / "split"
    flags = [f"--attributes={table}", "--attribute=blue", "--test_fraction=0.3"]
    assert run("split", str(picture_folders), *flags, f"--output={output}") == 0
    assert "trainA 6, testA 3, trainB 4, testB 2" in capsys.readouterr().out
    dry = ["--dry_run", f"--data={output}", f"--workdir={tmp_path / 'run'}"]
    assert train.main(["train", *dry]) == 0
    with pytest.raises(UserError, match="is there already"):
        run("split", str(picture_folders), *flags, f"--output={output}")


def test_celeb_a_is_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tfds = pytest.importorskip("tensorflow_datasets")
    monkeypatch.setattr(tfds_source, "is_reachable", lambda url: True)
    flags = ["--attribute=Blond_Hair", "--where=Male=0,Eyeglasses=0", "--test_fraction=0.3"]
    flags += [f"--output={tmp_path / 'x'}"]
    with tfds.testing.mock_data(num_examples=100):
        assert run("split", "tfds:celeb_a", *flags) == 0
    counts = {path.name: len([*path.iterdir()]) for path in (tmp_path / "x").iterdir()}
    assert {*counts} == {"trainA", "trainB", "testA", "testB"}
    assert 4 <= sum(counts.values()) <= 50  # Of random attributes, a quarter holds both conditions.


def test_faces_of_photographs_are_cropped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("cv2", reason="finding faces needs opencv (extra prepare)")
    portrait = Path(matplotlib.get_data_path(), "sample_data/grace_hopper.jpg")
    write_image(tmp_path / "in/plain.png", np.full((90, 90, 3), 128, np.uint8))
    shutil.copy(portrait, tmp_path / "in")
    flags = [str(tmp_path / "in"), f"--output={tmp_path / 'out'}", "--margin=0"]
    assert run("faces", *flags) == 0
    out = capsys.readouterr().out
    assert "1 faces of 2 pictures" in out and "1 pictures without a face" in out
    height, width, _ = read_image(tmp_path / "out/grace_hopper_jpg_0.png").shape
    assert 150 < height == width < 300
    (tmp_path / "in/bad.png").write_text("<html>")
    assert run("faces", *flags) == 1
    printed = capsys.readouterr()
    assert "1 unreadable, 2 done before" in printed.out and "bad.png" in printed.err


def test_an_archive_is_fetched(
    picture_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = shutil.make_archive(str(tmp_path / "mine"), "zip", picture_folders)
    assert run("fetch", f"--archive={archive}", f"--output={tmp_path / 'out'}") == 0
    assert "testA 3, testB 3, trainA 6, trainB 9" in capsys.readouterr().out
    assert run("check", str(tmp_path / "out"), "--crop_size=32") == 0


def test_a_data_set_is_packed_and_then_trained_on(
    picture_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("array_record", reason="packing needs array_record (Linux, macOS on ARM)")
    data = shutil.copytree(picture_folders, tmp_path / "data")
    (data / "trainB/bad.png").write_text("<html>")
    assert run("pack", str(data), f"--output={tmp_path / 'out'}", "--shard_mb=1") == 0
    printed = capsys.readouterr()
    assert "out: trainA 6, trainB 9, testA 3, testB 3, in 4 files" in printed.out
    assert "left out trainB/bad.png: " in printed.err
    dry = ["--dry_run", f"--data={tmp_path / 'out'}", f"--workdir={tmp_path / 'run'}"]
    assert train.main(["train", *dry]) == 0
    assert "6 / 9 training images, 3 / 3 test images" in capsys.readouterr().out
    with pytest.raises(UserError, match="is there already"):
        run("pack", str(data), f"--output={tmp_path / 'out'}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "received '', expected check"),
        (["chekc"], "received 'chekc', expected check"),
        (["split", "photos", "--output=x"], "--attribute is needed"),
        (["split", "photos", "--attribute=x", "--output=x"], "needs --attributes=FILE.csv"),
        (["split", "photos", "--attribute=x"], "--output is needed"),
        (["faces", "photos"], "--output is needed"),
        (["faces", "photos", "--output=x", "--margin=-1"], "--margin=-1.0: expected at least 0"),
        (["fetch", "--output=x"], "what is to be fetched"),
        (["fetch", "horse2zebbra", "--output=x"], "known are apple2orange"),
        (["pack", "photos"], "--output is needed"),
        (["pack", "nowhere", "--output=x"], "nowhere holds none of the folders trainA, trainB"),
        (["pack", "photos", "--output=x", "--shard_mb=0"], "--shard_mb=0: expected at least 1"),
        (["check"], "--data is needed"),
        (["check", "one", "two"], "unexpected argument one"),
        (["check", "one", "--data=two"], "unexpected argument one"),
        (["check", "nowhere"], "nowhere is no folder"),
        (["check", "nowhere", "--crop=3"], "crop"),
        (["check", "nowhere", "--crop_size=0"], "--crop_size=0: expected at least 1"),
    ],
)
def test_mistakes_are_named(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        run(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_help_lists_the_sub_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    out = capsys.readouterr().out
    assert all(f"{name} --help" in out for name in prepare.COMMANDS)


def test_the_help_names_what_can_be_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("fetch", "--help")
    out = capsys.readouterr().out
    assert ", ".join(sorted(known_archives())) in out
