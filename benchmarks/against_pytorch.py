"""Benchmarks a training step and inference against PyTorch, alternating on one machine.

    python benchmarks/against_pytorch.py --output=docs/measurements

Each side is a separate process with its own threads and memory: ours, and the tests' reference
in PyTorch (`pip install '.[torch]'`) with contiguous and with channels-last tensors, of which the
faster counts. They take turns, a few steps each, for several rounds; medians over the rounds are
compared. A bare 3x3 convolution with gradients, of the size in the residual blocks, shows the
throughput that the machine can reach.
"""

import json
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import networks
import numpy as np
import turns
from absl import app, flags

_ROUNDS = flags.DEFINE_integer("rounds", 5, "Timed rounds, after one warm-up round.")
_THREADS = flags.DEFINE_integer("threads", 2, "CPU threads for each side.")
_OUTPUT = flags.DEFINE_string("output", "", "Folder for against_pytorch.json (optional).")
_CASES = flags.DEFINE_list("cases", ["128", "256", "64"], "Cases, by image size in pixels.")
_SIDE = flags.DEFINE_string("side", "", "Internal: the side that this process runs.")
_CASE = flags.DEFINE_string("case", "", "Internal: the case that this process runs.")


@dataclass(frozen=True)
class Case:
    """Images of `size` px, generators of `blocks` blocks, and `steps` timed steps per round."""

    size: int
    blocks: int
    batch: int
    steps: int

    @property
    def name(self) -> str:
        return f"{self.size} px, {self.blocks} blocks, batch {self.batch}"


TASKS = ("train", "infer", "convolve")
CASES = {"128": Case(128, 6, 1, 2), "256": Case(256, 9, 1, 1), "64": Case(64, 6, 8, 1)}


def main(_: list[str]) -> None:
    if _SIDE.value:
        serve(_SIDE.value, CASES[_CASE.value])
        return
    rows = []
    for name in _CASES.value:
        rows.append(measure(name, CASES[name]))
        print(json.dumps(rows[-1]), flush=True)
    if _OUTPUT.value:
        turns.write(rows, _OUTPUT.value, __file__)


def serve(side: str, case: Case) -> None:
    """Run one side, in a separate process."""
    tasks, facts = (ours if side == "ours" else pytorch)(case, side)
    turns.serve(tasks, {"train": case.steps, "infer": 5 * case.steps, "convolve": 10}, facts)


def measure(name: str, case: Case) -> dict[str, Any]:
    """Run all sides in turn on a case, and compare their medians."""
    workers = {
        side: turns.Worker(__file__, _THREADS.value, side=side, case=name) for side in turns.SIDES
    }
    seconds = turns.take_turns(workers, dict.fromkeys(workers, TASKS), _ROUNDS.value)
    about = {side: worker.finish() for side, worker in workers.items()}
    row: dict[str, Any] = {"case": case.name, "threads": _THREADS.value, **asdict(case)}
    for task in ("train", "infer"):
        row[task] = turns.compare(seconds, task, "images", case.batch)
    row["peak_memory_gib"] = {side: of["peak_gib"] for side, of in about.items()}
    row["gflop"] = about["ours"]["gflop"]
    rate = about["ours"]["gflop"] / statistics.median(seconds["ours"]["train"])
    bare = bare_gflop(case) / min(
        statistics.median(tasks["convolve"]) for tasks in seconds.values()
    )
    row["share_of_bare_convolution"] = rate / bare
    row["bare_gflops"] = bare
    return row


Tasks = dict[str, Callable[[], object]]


def ours(case: Case, _: str) -> tuple[Tasks, Callable[[], dict[str, float]]]:
    """Prepare our step, our translation and TensorFlow's bare convolution."""
    from cyclegan_tf.cli import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    from cyclegan_tf.training.loop import distributed_step
    from cyclegan_tf.translation.network import frozen

    tf.config.threading.set_intra_op_parallelism_threads(_THREADS.value)
    tf.config.threading.set_inter_op_parallelism_threads(_THREADS.value)
    model = networks.our_model(networks.our_config(case.size, case.blocks, case.batch))
    step = distributed_step(tf.distribute.get_strategy(), model.train_step)
    rng = np.random.default_rng(0)
    shape = (case.batch, case.size, case.size, 3)
    a, b = (tf.constant(rng.uniform(-1, 1, shape), tf.float32) for _ in range(2))
    translate = frozen(model.generator_ab)
    side = case.size // 4
    x = tf.random.normal((case.batch, side + 2, side + 2, 256))
    kernel = tf.random.normal((3, 3, 256, 256))

    @tf.function
    def convolve() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = tf.nn.conv2d(x, kernel, 1, "VALID")
        return [y, *tape.gradient(y, [x, kernel], y)]

    return {
        "train": lambda: {name: float(value) for name, value in step((a, b)).items()},
        "infer": lambda: translate(a).numpy(),
        "convolve": lambda: [value.numpy() for value in convolve()],
    }, lambda: {"gflop": gflop(model, case)}


def bare_gflop(case: Case) -> float:
    """Count a 3x3 convolution of 256 channels at a quarter of the case's size, with gradients."""
    return 3 * 2 * 9 * 256 * 256 * (case.size // 4) ** 2 * case.batch / 1e9


def gflop(model: Any, case: Case) -> float:
    """Count the operations of a step's convolutions, two per multiplication.

    In a step a generator runs six times, a discriminator twice for the generators and four times
    for itself. Gradients cost two passes, or one if they only pass through to the input.
    """
    import tensorflow as tf

    spec = tf.TensorSpec((case.batch, case.size, case.size, 3))
    total = 0
    for network, times in ((model.generator_ab, 6 * 3), (model.discriminator_a, 2 * 2 + 4 * 3)):
        graph = tf.function(network).get_concrete_function(spec).graph
        for operation in graph.get_operations():
            # A transposed convolution costs as much as a convolution from its output to its input.
            place = {"Conv2D": operation.outputs, "Conv2DBackpropInput": operation.inputs[2:]}
            if operation.type in place:
                painted = place[operation.type][0].shape[:3].num_elements()
                total += times * 2 * painted * operation.inputs[1].shape.num_elements()
    return total / 1e9


def pytorch(case: Case, layout: str) -> tuple[Tasks, Callable[[], dict[str, float]]]:
    """Prepare the reference's step and inference, and PyTorch's bare convolution."""
    import torch

    torch.set_num_threads(_THREADS.value)
    model, a, b = networks.pytorch_model(case.size, case.blocks, case.batch, layout)

    def infer() -> None:
        with torch.inference_mode():
            model.generator_ab(a)

    side = case.size // 4
    memory = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}[layout]
    x = torch.rand(case.batch, 256, side + 2, side + 2).to(memory_format=memory).requires_grad_()
    kernel = torch.rand(256, 256, 3, 3).to(memory_format=memory).requires_grad_()

    def convolve() -> None:
        y = torch.nn.functional.conv2d(x, kernel)
        torch.autograd.grad(y, [x, kernel], y)

    return {"train": lambda: model.step(a, b), "infer": infer, "convolve": convolve}, dict


if __name__ == "__main__":
    app.run(main)
