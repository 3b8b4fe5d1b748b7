"""Versions appear whole or not at all."""

import os
import signal
import subprocess
import sys

import pytest

from cyclegan_tf.errors import UserError
from cyclegan_tf.serving.publishing import new_version, versions, write_if_missing


def publish(base, version=None, text="model"):
    with new_version(base, version) as (number, folder):
        (folder / "variables").mkdir()
        (folder / "variables/data").write_text(text)
        assert not (base / str(number)).exists()
    return number


def visible(base):
    return sorted(path.name for path in base.iterdir() if not path.name.startswith(".lock"))


def test_versions_count_up_and_are_whole(tmp_path):
    base = tmp_path / "new/model"
    assert [publish(base), publish(base), publish(base, 9), publish(base)] == [1, 2, 9, 10]
    assert versions(base) == [1, 2, 9, 10]
    assert all((base / str(v) / "variables/data").read_text() == "model" for v in versions(base))
    assert visible(base) == ["1", "10", "2", "9"]


def test_what_is_no_number_is_no_version(tmp_path):
    for name in ("latest", "1.5", ".3", "models.config"):
        (tmp_path / name).mkdir()
    assert publish(tmp_path) == 1


def test_a_version_is_not_replaced(tmp_path):
    publish(tmp_path, 3, "old")
    with pytest.raises(UserError, match="3 exists"):
        publish(tmp_path, 3, "new")
    assert (tmp_path / "3/variables/data").read_text() == "old"
    assert visible(tmp_path) == ["3"]


def test_a_failure_publishes_nothing(tmp_path):
    with pytest.raises(RuntimeError), new_version(tmp_path) as (_, folder):
        (folder / "half").write_text("half")
        raise RuntimeError
    assert visible(tmp_path) == []


def test_two_processes_do_not_take_one_number(tmp_path):
    with (
        new_version(tmp_path),
        pytest.raises(UserError, match="another process .* is exporting"),
        new_version(tmp_path),
    ):
        pass
    assert visible(tmp_path) == ["1"]


def test_a_killed_process_leaves_no_version_and_the_next_one_cleans_up(tmp_path):
    code = (
        "import sys, time, pathlib\n"
        "from cyclegan_tf.serving.publishing import new_version\n"
        "with new_version(pathlib.Path(sys.argv[1])) as (_, folder):\n"
        "    (folder / 'half').write_text('half')\n"
        "    print('written', flush=True)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "written\n"
        os.kill(process.pid, signal.SIGKILL)
    assert visible(tmp_path) == [".1.lock", ".1.lock.holder", ".1.partial"]
    assert publish(tmp_path) == 1
    assert visible(tmp_path) == ["1"]


def test_an_edited_file_is_kept(tmp_path):
    write_if_missing(tmp_path / "models.config", "ours")
    (tmp_path / "models.config").write_text("edited")
    write_if_missing(tmp_path / "models.config", "ours")
    assert (tmp_path / "models.config").read_text() == "edited"
    assert visible(tmp_path) == ["models.config"]
