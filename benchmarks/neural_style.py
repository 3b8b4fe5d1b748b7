"""Benchmarks iterations of neural style against PyTorch, alternating on one machine.

    python benchmarks/neural_style.py --output=docs/measurements

The sides are as in `against_pytorch.py`: ours, and the tests' reference in PyTorch with contiguous
and with channels-last tensors, of which the faster counts. All use the same content and style,
VGG-16 and the default options, with both optimizers; a run pauses while the other sides take
their turns.
"""

import json
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import turns
from absl import app, flags

_ROUNDS = flags.DEFINE_integer("rounds", 5, "Timed rounds, after one warm-up round.")
_THREADS = flags.DEFINE_integer("threads", 2, "CPU threads for each side.")
_OUTPUT = flags.DEFINE_string("output", "", "Folder for neural_style.json (optional).")
_CASES = flags.DEFINE_list("cases", ["256", "512"], "Cases, by image size in pixels.")
_WEIGHTS = flags.DEFINE_string("weights", "random", "VGG-16 weights: random, imagenet or a file.")
_SIDE = flags.DEFINE_string("side", "", "Internal: the side that this process runs.")
_CASE = flags.DEFINE_string("case", "", "Internal: the case that this process runs.")

OPTIMIZERS = ("lbfgs", "adam")


@dataclass(frozen=True)
class Case:
    """Images of `size` px, and `iterations` timed iterations per round."""

    size: int
    iterations: int


CASES = {"256": Case(256, 10), "512": Case(512, 4)}


def main(_: list[str]) -> None:
    if _SIDE.value:
        serve(_SIDE.value, CASES[_CASE.value])
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        weights = save_weights(_WEIGHTS.value, Path(folder, "vgg16.npz"))
        for name in _CASES.value:
            rows.append(measure(name, CASES[name], weights))
            print(json.dumps(rows[-1]), flush=True)
    if _OUTPUT.value:
        turns.write(rows, _OUTPUT.value, __file__)


def save_weights(source: str, path: Path) -> str:
    """Write the weights to a file, so that PyTorch's processes need not load TensorFlow."""
    from cyclegan_tf.cli import import_tensorflow

    import_tensorflow()
    from cyclegan_tf.neural_style import load_weights

    np.savez(path, **load_weights("vgg16", source))
    return str(path)


def measure(name: str, case: Case, weights: str) -> dict[str, Any]:
    """Run all sides in turn on a case, and compare their medians."""
    options = {"case": name, "weights": weights}
    workers = {
        side: turns.Worker(__file__, _THREADS.value, side=side, **options) for side in turns.SIDES
    }
    seconds = turns.take_turns(workers, dict.fromkeys(workers, OPTIMIZERS), _ROUNDS.value)
    about = {side: worker.finish() for side, worker in workers.items()}
    row: dict[str, Any] = {"case": f"{case.size} px", "threads": _THREADS.value, **asdict(case)}
    row |= {task: turns.compare(seconds, task, "iterations") for task in OPTIMIZERS}
    row["lbfgs"]["evaluations_per_iteration"] = about["ours"]["evaluations_per_iteration"]
    row["peak_memory_gib"] = {side: of["peak_gib"] for side, of in about.items()}
    return row


def serve(side: str, case: Case) -> None:
    """Run one side, in a separate process."""
    rng = np.random.default_rng(0)
    shape = (case.size, case.size, 3)
    images = [rng.integers(0, 256, shape).astype(np.uint8) for _ in range(3)]
    with np.load(_WEIGHTS.value) as stored:
        weights = dict(stored)
    tasks, facts = (ours if side == "ours" else pytorch)(weights, images, side)
    turns.serve(tasks, dict.fromkeys(OPTIMIZERS, case.iterations), facts)


Tasks = dict[str, Callable[[], object]]
Weights = dict[str, np.ndarray]
Pictures = list[np.ndarray]


def ours(
    weights: Weights, images: Pictures, _: str
) -> tuple[Tasks, Callable[[], dict[str, float]]]:
    """Prepare one iteration of each optimizer."""
    from cyclegan_tf.cli import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    from cyclegan_tf.neural_style import Backbone, StyleOptions, gram_matrices
    from cyclegan_tf.neural_style.objective import Objective, to_pixels
    from cyclegan_tf.neural_style.optimize import AdamState, adam, lbfgs

    tf.config.threading.set_intra_op_parallelism_threads(_THREADS.value)
    tf.config.threading.set_inter_op_parallelism_threads(_THREADS.value)
    options, (content, style, start) = StyleOptions(), images
    backbone = Backbone("vgg16", weights)
    evaluate = Objective(
        backbone,
        backbone(to_pixels(content), options.content_weights),
        gram_matrices(backbone, [style], list(options.style_weights)),
        options,
    ).compiled()
    image, evaluations = to_pixels(start), 0

    def counted(image: tf.Tensor) -> Any:
        nonlocal evaluations
        evaluations += 1
        return evaluate(image)

    most = options.iterations
    by_lbfgs = Run(lambda after: lbfgs(counted, image, most, after))
    by_adam = Run(lambda after: adam(evaluate, image, most, after, AdamState.zeros(image)))
    return (
        {"lbfgs": by_lbfgs.iterate, "adam": by_adam.iterate},
        lambda: {"evaluations_per_iteration": evaluations / by_lbfgs.iterations},
    )


class Run:
    """Runs an optimizer one iteration at a time.

    Args:
        minimize: Runs the optimizer, and calls its argument after each iteration.
    """

    def __init__(self, minimize: Callable[[Callable[..., None]], object]) -> None:
        self.iterations, self._ended = 0, False
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self._run, args=(minimize,), daemon=True).start()

    def iterate(self) -> None:
        """Run one iteration.

        Raises:
            RuntimeError: If the optimizer has ended.
        """
        self._go.release()
        self._done.acquire()
        if self._ended:
            raise RuntimeError(f"the optimizer ended after {self.iterations} iterations")
        self.iterations += 1

    def _run(self, minimize: Callable[[Callable[..., None]], object]) -> None:
        self._go.acquire()
        try:
            minimize(self._pause)
        finally:
            self._ended = True
            self._done.release()

    def _pause(self, *_: object) -> None:
        self._done.release()
        self._go.acquire()


def pytorch(
    weights: Weights, images: Pictures, layout: str
) -> tuple[Tasks, Callable[[], dict[str, float]]]:
    """Prepare one iteration of each PyTorch optimizer on the reference's objective."""
    import torch

    from cyclegan_tf.neural_style.options import StyleOptions

    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    import style_reference as reference

    torch.set_num_threads(_THREADS.value)
    memory = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}[layout]
    options, (content, style, start) = StyleOptions(), images
    vgg = reference.Vgg(weights, layout=memory)

    def pixels(image: np.ndarray) -> torch.Tensor:
        # The kernels determine the layout of features; PyTorch's L-BFGS needs a contiguous image.
        turned = torch.tensor(image[np.newaxis], dtype=torch.float32).permute(0, 3, 1, 2)
        return turned.contiguous()

    with torch.no_grad():
        contents = vgg(pixels(content), options.content_weights)
        features = vgg(pixels(style), options.style_weights)
        styles = {layer: reference.gram(of) for layer, of in features.items()}
    shares = options.content_weight, options.style_weight, options.tv_weight

    def iteration(make: Callable[..., torch.optim.Optimizer], **settings: Any) -> Any:
        image = pixels(start).requires_grad_()
        optimizer = make([image], **settings)

        def closure() -> Any:
            optimizer.zero_grad()
            total = sum(reference.losses(vgg, image, contents, styles, *shares).values())
            total.backward()
            return total

        return lambda: optimizer.step(closure)

    # One evaluation per step; more iterations per call would not save evaluations.
    settings = {"lr": 1, "max_iter": 1, "history_size": 10}
    settings |= {"tolerance_grad": 0, "tolerance_change": 0}
    return {
        "lbfgs": iteration(torch.optim.LBFGS, **settings),
        "adam": iteration(torch.optim.Adam, lr=10.0),
    }, dict


if __name__ == "__main__":
    app.run(main)
