"""The program `cyclegan-tf`: its list of commands, and how it runs one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import cyclegan_tf
from cyclegan_tf import quickstart, report, train
from cyclegan_tf.__main__ import commands, dispatch
from cyclegan_tf.errors import UserError

ROOT = Path(cyclegan_tf.__file__).parent


def run_program(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cyclegan_tf", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_commands_are_the_files_at_the_root_that_have_a_main() -> None:
    files = [path for path in ROOT.glob("*.py") if "\ndef main(" in path.read_text()]
    assert set(commands()) == {path.stem for path in files}
    assert {"train", "translate", "quickstart"} <= set(commands())


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]], ids=str)
def test_the_program_lists_the_commands_with_a_line_each(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert dispatch(["cyclegan-tf", *arguments]) == 0
    lines = capsys.readouterr().out.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == list(commands())
    for line in lines:
        assert re.fullmatch(r"  \w+ +[A-Z].{10,}\.", line) and len(line) <= 100


def test_a_command_gets_its_own_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "main", lambda arguments: len(arguments))
    assert dispatch(["cyclegan-tf", "report", "--workdir=x"]) == 2
    assert dispatch(["cyclegan-tf", "report"]) == 1


def test_an_unknown_command_is_one_line_with_the_nearest() -> None:
    done = run_program("trian", "--workdir=x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: unknown command trian; did you mean train?\n"


def test_the_program_ends_as_its_commands_do() -> None:
    done = run_program("train", "--epochs=many")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "epochs" in done.stderr


def test_the_quick_start_is_train_with_a_preset_and_a_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(train, "main", lambda arguments: arguments)
        assert quickstart.main(["quickstart", "--filters=4"]) == [
            *("train", "--preset=quickstart", "--workdir=runs/quickstart", "--filters=4"),
        ]
    with pytest.raises(UserError, match="--epochs=0: expected at least 1"):
        quickstart.main(["quickstart", "--epochs=0"])


def test_listing_commands_needs_no_tensorflow() -> None:
    code = (
        "import sys\nfrom cyclegan_tf.__main__ import dispatch\n"
        "dispatch(['cyclegan-tf'])\nsys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
