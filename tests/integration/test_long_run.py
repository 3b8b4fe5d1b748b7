"""A run of 5,000 steps: nothing grows, nothing is traced again, and saving costs little."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from running import TINY, logged_steps

pytestmark = pytest.mark.fault

DRIVER = Path(__file__).parents[1] / "long_run.py"


def test_five_thousand_steps_in_flat_memory(picture_folders: Path, tmp_path: Path) -> None:
    result, workdir = tmp_path / "result.json", tmp_path / "run"
    # Of how often it logs, shows and saves, the defaults.
    network = [flag for flag in TINY if not flag.startswith(("--log_every", "--sample_every"))]
    flags = [*network, "--batch_size=1", "--max_steps=5000", "--epochs=600", "--decay_epochs=600"]
    process = subprocess.run(
        [
            sys.executable,
            DRIVER,
            result,
            f"--data={picture_folders}",
            f"--workdir={workdir}",
            *flags,
        ],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONMALLOC": "malloc"},
    )
    assert process.returncode == 0, process.stderr
    assert logged_steps(workdir)[-1] == 5000
    seen = json.loads(result.read_text())
    # Pools are full by then, and every branch of the step has been taken.
    late = np.asarray(seen["steps"]) > 2000
    steps, used = np.asarray(seen["steps"])[late], np.asarray(seen["bytes"])[late]
    slope = np.polyfit(steps, used, 1)[0]
    saving = sum(seen["saving"]) / seen["seconds"]
    print(
        f"\n5,000 steps in {seen['seconds']:.0f} s: memory {used[-1] / 2**20:.0f} MiB, "
        f"{slope:+.0f} bytes a step from step 2,000 on; {seen['traces'][-1]} trace(s) of the step; "
        f"{seen['files'][-1]} open files; {len(seen['saving'])} checkpoints took {saving:.2%} of "
        "the time"
    )
    assert slope < 64
    assert len(set(seen["traces"])) == 1
    assert len(set(np.asarray(seen["files"])[late])) == 1
    assert len(seen["saving"]) == 5 and saving < 0.05
