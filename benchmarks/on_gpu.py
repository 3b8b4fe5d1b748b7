"""Benchmarks training steps and inference on a GPU against PyTorch, in alternating rounds.

    python benchmarks/on_gpu.py --output=build/on_gpu

Every case (size, blocks, batch, precision) has two processes: ours, with and without XLA, one and
ten steps per call; and the tests' reference in PyTorch with its fastest settings (channels last,
TF32, autocast, fused Adam; eager and compiled). Prints a Markdown table; `on_gpu.json` has every
mode, its range over the rounds and the peak memory. With `--check`, ten steps are also computed on
the CPU, each from the same weights, and the losses are compared. Needs
`pip install '.[gpu,torch]'`; without a GPU it runs on the CPU, as a rehearsal.
"""

import itertools
from typing import Any

import networks
import numpy as np
import run_step
import turns
from absl import app, flags

_CASES = flags.DEFINE_list(
    "cases",
    [f"{network}x{batch}" for network in ("128x6", "256x9") for batch in (1, 4, 16)],
    "SIZExBLOCKSxBATCH, each.",
)
_PRECISIONS = flags.DEFINE_list("precisions", list(run_step.PRECISIONS), "Dtype policies.")
_XLA = flags.DEFINE_list("xla", ["plain", "xla"], "Without XLA, with it, or both.")
_STEPS_PER_CALL = flags.DEFINE_list("steps_per_call", ["1", "10"], "Numbers of steps per call.")
_PYTORCH = flags.DEFINE_boolean("pytorch", True, "Also run PyTorch.")
_CHECK = flags.DEFINE_boolean("check", False, "First compare ten steps with the CPU.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Timed rounds, after one warm-up round.")
_STEPS = flags.DEFINE_integer("steps", 20, "Timed steps per round.")
_THREADS = flags.DEFINE_integer("threads", 2, "CPU threads of each process.")
_OUTPUT = flags.DEFINE_string("output", "", "Folder for on_gpu.json (optional).")
_SIDE = flags.DEFINE_string("side", "", "Internal: the side that this process runs.")
_CASE = flags.DEFINE_string("case", "", "Internal: the case that this process runs.")


def main(_: list[str]) -> None:
    if _SIDE.value:
        serve(*_CASE.value.split("/"))
        return
    lists = (_PRECISIONS, _XLA, _STEPS_PER_CALL)
    given = {flag.name: ",".join(flag.value) for flag in lists} | {"steps": str(_STEPS.value)}
    given["check"] = str(_CHECK.value)
    sides = ("ours", "pytorch") if _PYTORCH.value else ("ours",)
    workers = {
        (case, side): turns.Worker(__file__, _THREADS.value, case=case, side=side, **given)
        for case in map("/".join, itertools.product(_CASES.value, _PRECISIONS.value))
        for side in sides
    }
    rows = run_step.measure(workers, _ROUNDS.value)
    print(run_step.table(rows))
    if _OUTPUT.value:
        turns.write(rows, _OUTPUT.value, __file__)


def serve(case: str, precision: str) -> None:
    """Run one side, in a separate process."""
    size, blocks, batch = map(int, case.split("x"))
    if _SIDE.value == "ours":
        tasks, facts = ours(size, blocks, batch, precision)
    else:
        tasks, facts = run_step.pytorch(size, blocks, batch, run_step.PRECISIONS[precision])
    counts = dict.fromkeys(tasks, _STEPS.value)
    turns.serve(tasks, counts, lambda: {**facts, "tasks": list(tasks)})


def ours(
    size: int, blocks: int, batch: int, precision: str
) -> tuple[run_step.Tasks, dict[str, Any]]:
    """Prepare our step and inference in every requested mode."""
    from cyclegan_tf.cli import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    from cyclegan_tf.training import loop
    from cyclegan_tf.training.distribution import device_name
    from cyclegan_tf.translation.network import frozen

    tf.config.threading.set_intra_op_parallelism_threads(_THREADS.value)
    config = networks.our_config(size, blocks, batch, precision)
    facts: dict[str, Any] = {"tensorflow": tf.__version__, "device": device_name()}
    if _CHECK.value:
        facts["losses_off"] = losses_off(config)
    model = networks.our_model(config)
    rng = np.random.default_rng(0)
    a, b = (tf.constant(rng.uniform(-1, 1, (batch, size, size, 3)), tf.float32) for _ in range(2))
    gpu = bool(tf.config.list_physical_devices("GPU"))
    tasks: run_step.Tasks = {}

    def add(name: str, run: Any) -> None:
        if gpu:
            tf.config.experimental.reset_memory_stats("GPU:0")
        try:
            run()
            run()
        except Exception as failure:  # A mode that fails is also a result.
            facts[f"{name} failed"] = str(failure)[:300]
            return
        tasks[name] = run
        if gpu:
            peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
            facts[f"{name} peak_gib"] = peak / 2**30

    for mode, count in itertools.product(_XLA.value, map(int, _STEPS_PER_CALL.value)):
        strategy = tf.distribute.get_strategy()
        step = loop.distributed_step(strategy, model.train_step, jit_compile=mode == "xla")
        take = loop.one_by_one(step) if count == 1 else loop.in_one_call(step)
        # As in training, batches come from the host.
        stream = iter(tf.data.Dataset.from_tensors((a, b)).repeat().prefetch(2))
        add(f"train {mode} {count} a call", Steps(take, stream, count))
    constant = frozen(model.generator_ab)
    add("infer plain", lambda: constant(a).numpy())
    if "xla" in _XLA.value:
        compiled = tf.function(constant, jit_compile=True)
        add("infer xla", lambda: compiled(a).numpy())
    return tasks, facts


class Steps:
    """Returns one step per call, and computes `count` steps at once."""

    def __init__(self, take: Any, stream: Any, count: int) -> None:
        self._take, self._stream, self._count = take, stream, count
        self._left = 0

    def __call__(self) -> None:
        if not self._left:
            list(self._take(self._stream, self._count))
            self._left = self._count
        self._left -= 1


def losses_off(config: Any) -> float:
    """Compute the largest relative difference of losses from the CPU's over ten steps.

    Copies the variables before each step: otherwise rounding errors would accumulate.
    """
    import tensorflow as tf

    with tf.device("CPU:0"):
        reference = networks.our_model(config.replace({"precision": "float32"}))
    model = networks.our_model(config)
    steps = [tf.function(network.train_step) for network in (reference, model)]
    start = reference.state()
    # A loss scale has no counterpart in float32.
    pairs = [
        (variable, start[group][name])
        for group, variables in model.state().items()
        if group != "loss_scale"
        for name, variable in variables.items()
    ]
    rng = np.random.default_rng(1)
    shape = (config.data.batch_size, config.data.crop_size, config.data.crop_size, 3)
    worst = 0.0
    for _ in range(10):
        a, b = (tf.constant(rng.uniform(-1, 1, shape), tf.float32) for _ in range(2))
        for variable, value in pairs:
            variable.assign(value)
        with tf.device("CPU:0"):
            expected = steps[0]((a, b))
        losses = steps[1]((a, b))
        for name, value in expected.items():
            if not name.endswith("_norm"):
                worst = max(worst, abs(float(losses[name]) - float(value)) / abs(float(value)))
    return worst


if __name__ == "__main__":
    app.run(main)
