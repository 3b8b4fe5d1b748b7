"""Bars are seen where they are wanted, and the environment may hide them."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
from cyclegan_tf.progress import progress_bar
print(sum(progress_bar(range(4), shown={shown}, desc="adding")))
"""


@pytest.mark.parametrize(
    "shown, disable, seen", [(True, "", True), (True, "1", False), (False, "", False)]
)
def test_a_bar_is_seen_where_it_is_wanted(shown, disable, seen):
    # tqdm reads the environment when it is imported.
    environment = {k: v for k, v in os.environ.items() if k != "TQDM_DISABLE"}
    environment |= {"TQDM_DISABLE": disable} if disable else {}
    command = [sys.executable, "-c", PROGRAM.format(shown=shown)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "6\n"
    assert ("adding: 100%" in done.stderr) == seen


def test_a_file_is_not_filled_with_states_of_a_bar():
    program = "import time\nfrom cyclegan_tf.progress import progress_bar\n"
    program += "for _ in progress_bar(range(60)): time.sleep(0.01)"
    environment = {k: v for k, v in os.environ.items() if k != "TQDM_DISABLE"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    states = [state for state in done.stderr.splitlines() if "%" in state]
    assert len(states) == 2 and "100%" in states[-1]
