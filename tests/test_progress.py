"""Bars are seen where they are wanted, and the environment may hide them."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
from cyclegan_tf.progress import progress_bar
print(sum(progress_bar(range(4), shown={shown}, desc="adding")))
"""


def run(program, **environment):
    # tqdm reads the environment when it is imported.
    others = {name: value for name, value in os.environ.items() if not name.startswith("TQDM_")}
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, env=others | environment, capture_output=True, text=True, check=True
    )


@pytest.mark.parametrize(
    "shown, disable, seen", [(True, "", True), (True, "1", False), (False, "", False)]
)
def test_a_bar_is_seen_where_it_is_wanted(shown, disable, seen):
    done = run(PROGRAM.format(shown=shown), **({"TQDM_DISABLE": disable} if disable else {}))
    assert done.stdout == "6\n"
    assert ("adding: 100%" in done.stderr) == seen


def test_a_file_is_not_filled_with_states_of_a_bar():
    program = "import time\nfrom cyclegan_tf.progress import progress_bar\n"
    program += "for _ in progress_bar(range(60)): time.sleep(0.01)"
    states = [state for state in run(program).stderr.splitlines() if "%" in state]
    assert len(states) == 2 and "100%" in states[-1]
