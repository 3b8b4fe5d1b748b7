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
