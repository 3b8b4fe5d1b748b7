"""The report's command: on a machine that has a run and nothing more, and without TensorFlow."""

import subprocess
import sys
from pathlib import Path

from cyclegan_tf.config.config import Config
from cyclegan_tf.runs.workdir import Workdir

CODE = """
import sys
from cyclegan_tf import report
status = report.main(["report", *sys.argv[1:]])
heavy = {"tensorflow", "keras", "matplotlib.pyplot", "scipy"} & {*sys.modules}
sys.exit(f"imported {heavy}" if heavy else status)
"""


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=cwd)


def test_nothing_is_imported_that_takes_time(tmp_path: Path) -> None:
    files = Workdir(tmp_path / "runs/x")
    files.store_config(Config())
    files.metrics.write_text('{"step": 1, "generator_loss": 2.0}\n')
    done = run("-c", CODE, "--workdir=runs/x", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("report: runs/x/report.html (0.")
    done = run("-c", CODE, "--workdir=runs/x", "--output=deep/page.html", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--workdir=runs/x" in (tmp_path / "deep/page.html").read_text()


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    for flags, said in (((), "--workdir is needed"), (("--workdir=no",), "no is not a run")):
        done = run("-m", "cyclegan_tf.report", *flags, cwd=tmp_path)
        assert done.returncode == 1 and said in done.stderr
        assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("error: ")
