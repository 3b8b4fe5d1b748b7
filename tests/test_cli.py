"""The command line: flags from the configuration, and one-line errors."""

import importlib
import re
import subprocess
import sys

import pytest

from cyclegan_tf import cli, prepare, train
from cyclegan_tf.__main__ import commands
from cyclegan_tf.cli import CommandLine
from cyclegan_tf.config.config import Config, options
from cyclegan_tf.errors import UserError

NAMES = [field.name for _, field, _ in options(Config())]


def command_line(*arguments):
    line = CommandLine("Does something.")
    line.add("workdir", str, "", "Folder of the run.")
    line.add_preset()
    line.add_config()
    line.parse(["program", *arguments])
    return line


def run_python(*arguments):
    return subprocess.run([sys.executable, *arguments], check=False, capture_output=True, text=True)


def test_help_shows_our_flags_by_group_and_no_others(capsys):
    with pytest.raises(SystemExit) as end:
        train.main(["train", "--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0
    shown = re.findall(r"^  --(\w+): .+", text, re.MULTILINE)
    assert sorted(shown) == sorted(["workdir", "dry_run", "preset", *NAMES])
    for group in ("Data", "Model", "Objective", "Optimizer", "Run"):
        assert f"\n{group} options:\n" in text
    assert "--flagfile" in text
    assert "--lambda_cycle: Weight of the cycle losses. (default: 10.0)" in text
    data, model = text.index("Data options"), text.index("Model options")
    assert data < text.index("--crop_size:") < model < text.index("--filters:")


HELPED = [[command] for command in commands()] + [["prepare", name] for name in prepare.COMMANDS]


@pytest.mark.parametrize("words", HELPED, ids=" ".join)
def test_help_begins_with_an_example_and_fits_100_columns(words, capsys):
    main = importlib.import_module(f"cyclegan_tf.{words[0]}").main
    try:
        assert main([*words, "--help"]) == 0
    except SystemExit as end:
        assert end.code == 0
    first, second, *rest = capsys.readouterr().out.splitlines()
    assert first == "Examples:"
    assert second.startswith(
        (f"  cyclegan-tf {words[0]}", f"  python -m cyclegan_tf.{' '.join(words)}")
    )
    assert max(map(len, [second, *rest])) <= 100
    assert any(line.endswith(":") for line in rest)


def test_help_needs_no_tensorflow():
    code = (
        "import sys\nfrom cyclegan_tf.__main__ import dispatch\n"
        f"for words in {HELPED}:\n"
        "    try:\n        dispatch(['cyclegan-tf', *words, '--help'])\n"
        "    except SystemExit:\n        pass\n"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert run_python("-c", code).returncode == 0


def test_examples_are_told_from_the_summary():
    text = """Do this.

    In two
    lines.

    python -m cyclegan_tf.this a \\
        b
    python -m cyclegan_tf.this c
    """
    summary, examples = cli.read_examples(text)
    assert summary == "Do this.\n\nIn two lines."
    assert examples == ("python -m cyclegan_tf.this a \\\n    b\npython -m cyclegan_tf.this c")
    assert cli.read_examples(None) == ("", "")


def test_every_flag_is_understood_in_its_own_type():
    line = command_line("--epochs=3", "--learning_rate=1e-3", "--jit_compile", "--lambda_a=2")
    config = line.config(None)
    assert config == Config().replace(
        {"epochs": 3, "learning_rate": 1e-3, "jit_compile": True, "lambda_a": 2.0}
    )
    assert isinstance(config.optimizer.epochs, int)
    assert isinstance(config.objective.lambda_a, float)


def test_without_flags_there_are_the_defaults():
    assert command_line().config(None) == Config()
    assert command_line().given() == {}


def test_what_is_given_stands_over_what_the_run_has_and_the_rest_stays():
    run = Config().replace({"epochs": 7, "batch_size": 2, "max_steps": 5, "jit_compile": True})
    assert command_line().config(run) == run
    # Explicitly given values count even when they are the defaults.
    line = command_line("--epochs=100", "--nojit_compile", "--workdir=elsewhere")
    assert line.config(run) == run.replace({"epochs": 100, "jit_compile": False})
    assert line.given() == {"epochs": 100, "jit_compile": False, "workdir": "elsewhere"}


def test_flag_files_count_as_given_and_later_wins(tmp_path):
    base, file = tmp_path / "base.flags", tmp_path / "run.flags"
    base.write_text("--epochs=5\n--filters=8\n")
    file.write_text(f"# A comment.\n--flagfile={base}\n--epochs=6\n")
    config = command_line(f"--flagfile={file}", "--filters=16").config(None)
    assert config == Config().replace({"epochs": 6, "filters": 16})


@pytest.mark.parametrize("position", [0, 1, 2])
def test_flags_override_the_preset_wherever_it_stands(position):
    arguments = ["--filters=16", "--epochs=7"]
    arguments.insert(position, "--preset=quickstart")
    config = command_line(*arguments).config(None)
    assert (config.model.filters, config.optimizer.epochs) == (16, 7)
    assert config.model.generator == "gated_resnet_2"


def test_flag_files_override_the_preset(tmp_path):
    (tmp_path / "mine.flags").write_text("--filters=5\n--preset=quickstart\n")
    line = command_line(f"--flagfile={tmp_path / 'mine.flags'}")
    assert (line["filters"], line["generator"]) == (5, "gated_resnet_2")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hrse2zebra", "unknown --preset=hrse2zebra; did you mean horse2zebra?"),
        ("x", "unknown --preset=x; choose one of: anime_faces, apple2orange, "),
    ],
)
def test_an_unknown_preset_is_one_line_with_the_names(name, message):
    with pytest.raises(UserError) as caught:
        command_line(f"--preset={name}")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("--colour=red", "colour"),
        ("--epoch=3", "epoch"),
        ("--epochs=many", "epochs"),
        ("--epochs=1.5", "epochs"),
        ("--learning_rate=fast", "learning_rate"),
        ("--jit_compile=perhaps", "jit_compile"),
        ("--schedule=sawtooth", "schedule"),
        ("--flagfile=nowhere.flags", "nowhere.flags"),
        ("horse2zebra", "horse2zebra"),
    ],
)
def test_mistyped_arguments_are_one_line_that_names_them(argument, named):
    with pytest.raises(UserError, match=named) as caught:
        command_line(argument)
    assert "\n" not in str(caught.value)


def test_former_flags_work_with_a_warning(caplog):
    def parsed(*arguments):
        line = cli.CommandLine("A command.")
        line.add("images", int, 8, "Images.", minimum=1)
        line.add_former(pictures="images", bits="")
        line.parse(["command", *arguments])
        return line["images"]

    assert parsed("--images=3") == 3 and not caplog.text
    assert parsed("--pictures=5") == 5
    assert "--pictures is now called --images" in caplog.text
    assert parsed("--bits=16") == 8
    assert "--bits no longer has an effect" in caplog.text
    for wrong in ("--pictures=0", "--pictures=many"):
        with pytest.raises(UserError, match="images"):
            parsed(wrong)


def test_arguments_that_an_error_names_become_flags():
    text = "`crop_size=8` or `tile` in `Run.open`, `data=a b`"
    assert cli.in_flags(text) == "--crop_size=8 or --tile in `Run.open`, --data=a b"


def test_a_needed_flag_is_asked_for_with_its_meaning():
    with pytest.raises(UserError, match="--workdir is needed: Folder of the run."):
        command_line().required("workdir")
    assert command_line("--workdir=x").required("workdir") == "x"


@pytest.mark.parametrize(
    ("command", "arguments", "named"),
    [
        ("train", ["--colour=red"], "colour"),
        ("train", ["--workdir=w", "--flagfile=nowhere.flags"], "nowhere.flags"),
        ("train", ["--epochs=many"], "epochs"),
        ("train", ["--workdir=w", "--epochs=0"], "--epochs=0: expected at least 1"),
        ("translate", ["--direction=sideways"], "direction"),
        ("evaluate", ["--workdri=x"], "workdri"),
    ],
)
def test_commands_end_with_one_line_and_a_failure(command, arguments, named):
    done = run_python("-m", f"cyclegan_tf.{command}", *arguments)
    assert done.returncode != 0
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")
    assert named in done.stderr


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("return None", 0, ""),
        ("return 143", 143, ""),
        ("raise KeyboardInterrupt", 130, ""),
        ("raise UserError('two\\n  lines')", 1, "error: two lines\n"),
    ],
)
def test_the_exit_status(body, status, message):
    code = (
        "from cyclegan_tf.cli import run\nfrom cyclegan_tf.errors import UserError\n"
        f"def main(arguments):\n    {body}\nrun(main)"
    )
    done = run_python("-c", code)
    assert (done.returncode, done.stderr) == (status, message)


def test_an_error_may_end_the_process_at_once() -> None:
    # TensorFlow, at exit, waits for workers that are gone.
    program = """
import atexit
from cyclegan_tf import cli
from cyclegan_tf.errors import UserError
class Lost(UserError):
    at_once = True
def main(arguments):
    print("begun")
    atexit.register(print, "waited")
    raise Lost("gone")
cli.run(main)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "begun\n", "error: gone\n")
