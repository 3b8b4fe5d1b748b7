"""Benchmarks an exported training step in JAX against PyTorch, without TensorFlow.

    python benchmarks/run_step.py exported/*.json --output=build/run_step

The files come from `export_step.py`. JAX compiles the HLO for its first device; PyTorch runs the
tests' reference, eager and compiled, on the same device. Each side is a separate process. All
sides prepare concurrently, then take turns; medians over the rounds are compared. Needs JAX,
PyTorch and NumPy, but neither TensorFlow nor `cyclegan_tf`.

PyTorch is compiled in two ways: each network separately, and the two halves of the step as a
whole, which CUDA graphs replay. The fastest counts.
"""

import argparse
import contextlib
import json
import lzma
import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import networks
import numpy as np
import turns

PRECISIONS = {"float32": "float32", "mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}


def argument(index: int, shape: list[int], dtype: str, scale: float) -> np.ndarray:
    """Generate the value of an argument, identically on every machine.

    Args:
        index: Index of the argument; seeds the values.
        shape: Shape of the argument.
        dtype: Dtype of the argument.
        scale: Standard deviation of normal values in [-1, 1], 0 for zeros; or a scalar's value.
    """
    if not shape:
        return np.asarray(scale, dtype)
    if not scale:
        return np.zeros(shape, dtype)
    values = np.random.default_rng(index).standard_normal(shape, np.float32)
    return np.clip(values * np.float32(scale), -1.0, 1.0).astype(dtype)


def sample(values: np.ndarray) -> list[float]:
    """Return up to 64 values at positions that depend only on the number of values."""
    flat = np.asarray(values).reshape(-1)
    if flat.size > 64:
        flat = flat[np.random.default_rng(flat.size).choice(flat.size, 64, replace=False)]
    return [float(value) for value in flat]


def error(values: list[float], expected: list[float]) -> float:
    """Compute the norm of the difference relative to the norm of the expected values."""
    difference = np.linalg.norm(np.subtract(values, expected))
    return float(difference / max(float(np.linalg.norm(expected)), 1e-30))


def load(description: Path) -> tuple[Any, list[Any]]:
    """Compile a module for JAX's first device, and return it with its initial arguments.

    Uses internal interfaces of JAX 0.10 and 0.11.
    """
    import jax
    from jax._src import compiler
    from jax._src.interpreters import mlir
    from jax._src.lib import xla_client
    from jaxlib.mlir import ir

    jax.config.update("jax_enable_x64", True)
    device = jax.devices()[0]
    about = json.loads(description.read_text())
    with lzma.open(description.with_suffix(".hlo.xz")) as file:
        computation = xla_client.XlaComputation(file.read())
    bytecode = xla_client._xla.mlir.xla_computation_to_mlir_module(computation)
    with mlir.make_ir_context():
        text = str(ir.Module.parse(bytecode))
        # Without this, arguments would be donated in the first step without JAX knowing.
        text = re.sub(r"\{?tf\.aliasing_output = \d+ : i32\}?", "", text)
        text = re.sub(r",?\s*mhlo\.input_output_alias = \[[^\]]*(?:\[[^\]]*\][^\]]*)*\]", "", text)
        # JAX's CUDA plugin does not support `mhlo.copy`, but an equivalent reshape.
        text = re.sub(r"mhlo\.copy (%\w+) : (tensor<[^>]*>)", r"mhlo.reshape \1 : (\2) -> \2", text)
        bytecode = mlir.module_to_bytecode(ir.Module.parse(text))
    options = compiler.get_compile_options(num_replicas=1, num_partitions=1)
    devices = xla_client.DeviceList((device,))
    executable = device.client.compile_and_load(bytecode, devices, options)
    arguments = [
        jax.device_put(argument(index, *spec), device)
        for index, spec in enumerate(about["arguments"])
    ]
    return executable, arguments


Tasks = dict[str, Callable[[], object]]


def exported(descriptions: dict[str, Path]) -> tuple[Tasks, dict[str, Any]]:
    """Prepare the exported step and generator, and compare the results of the first step."""
    import jax

    facts: dict[str, Any] = {"jax": jax.__version__, "device": jax.devices()[0].device_kind}
    start = time.perf_counter()
    about = json.loads(descriptions["train"].read_text())
    step, state = load(descriptions["train"])
    losses = about["losses"]
    results = step.execute(state)
    facts["compile_train_s"] = time.perf_counter() - start
    for name, result in zip(losses, results, strict=False):
        if not name.endswith("_norm"):
            facts[f"error_{name}"] = error([float(result)], about["expected"][name])
    variables = dict(zip(about["names"][2:], results[len(losses) :], strict=True))
    # First moments hold the gradients. For biases before a norm these are only rounding errors.
    gradients = [
        error(sample(variables[name]), expected)
        for name, expected in about["moments"].items()
        if variables[name].ndim == 4
    ]
    facts["error_gradients_median"] = float(np.median(gradients))
    facts["error_gradients_max"] = max(gradients)

    def train() -> list[float]:
        # The new variables are the next step's arguments; the losses are copied to the host, as in
        # training.
        results = step.execute(state)
        state[2:] = results[len(losses) :]
        return [float(value) for value in jax.device_get(results[: len(losses)])]

    network, images = load(descriptions["infer"])

    def infer() -> None:
        jax.block_until_ready(network.execute(images))

    infer()
    with contextlib.suppress(AttributeError, KeyError, TypeError):
        facts["peak_gib"] = jax.devices()[0].memory_stats()["peak_bytes_in_use"] / 2**30
    return {"train": train, "infer": infer}, facts


def pytorch(size: int, blocks: int, batch: int, precision: str) -> tuple[Tasks, dict[str, Any]]:
    """Prepare the reference: eager, compiled network by network, and compiled as a whole."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    facts: dict[str, Any] = {"torch": torch.__version__}
    tasks: Tasks = {}

    def autocast() -> Any:
        if precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(device, getattr(torch, precision))

    def build() -> Any:
        torch.manual_seed(0)
        return networks.pytorch_model(size, blocks, batch, device=device)

    def add(name: str, model: Any, generator: Any) -> None:
        def train() -> None:
            with autocast():
                model.step(a, b)

        def infer() -> None:
            with torch.inference_mode(), autocast():
                generator(a)
            if device == "cuda":
                torch.cuda.synchronize()

        for task, run in (("train", train), ("infer", infer)):
            start = time.perf_counter()
            try:
                for _ in range(3):
                    run()
            except Exception as failure:  # A mode that fails is also a result.
                facts[f"{task} {name} failed"] = str(failure)[:300]
                continue
            facts[f"{task} {name} prepare_s"] = time.perf_counter() - start
            tasks[f"{task} {name}"] = run
            if device == "cuda":
                facts[f"{task} {name} peak_gib"] = torch.cuda.max_memory_allocated() / 2**30
                torch.cuda.reset_peak_memory_stats()

    eager, a, b = build()
    add("eager", eager, eager.generator_ab)
    compiled, *_ = build()
    for name in ("generator_ab", "generator_ba", "discriminator_a", "discriminator_b"):
        getattr(compiled, name).compile()
    add("compiled", compiled, compiled.generator_ab)
    if device == "cuda":
        whole, *_ = build()
        for name in ("generator_losses", "discriminator_losses"):
            setattr(whole, name, torch.compile(getattr(whole, name), mode="reduce-overhead"))
        step = whole.step

        def marked_step(a: Any, b: Any) -> Any:
            torch.compiler.cudagraph_mark_step_begin()
            return step(a, b)

        whole.step = marked_step
        add("whole", whole, torch.compile(whole.generator_ab, mode="reduce-overhead"))
    return tasks, facts


def cases(files: list[Path]) -> dict[str, dict[str, Path]]:
    """Group descriptions by case, such as `128x6x1/float32`; each has a step and a generator."""
    found: dict[str, dict[str, Path]] = {}
    for file in files:
        kind, case, precision = file.stem.split("-")
        found.setdefault(f"{case}/{precision}", {})[kind] = file
    return dict(sorted(found.items()))


def measure(workers: dict[tuple[str, str], turns.Worker], rounds: int) -> list[dict[str, Any]]:
    """Prepare all workers concurrently, then time them in turns, case by case.

    Args:
        workers: Workers by case and side; one side is `pytorch`.
        rounds: Timed rounds, after one warm-up round.

    Returns:
        A row for each case: medians in seconds by side and task, their ranges, and the facts that
        each side reports.
    """
    with ThreadPoolExecutor(len(workers)) as pool:
        asked = {key: pool.submit(worker.ask, "about") for key, worker in workers.items()}
    for key, answer in asked.items():
        if answer.exception():  # Its error is on stderr; the others continue.
            print(f"{' '.join(key)} could not be prepared: {answer.exception()}", file=sys.stderr)
    workers = {key: workers[key] for key, answer in asked.items() if not answer.exception()}
    about = {key: asked[key].result() for key in workers}
    rows = []
    for case in dict.fromkeys(case for case, _ in workers):
        sides = {side: worker for (of, side), worker in workers.items() if of == case}
        tasks = {side: about[case, side]["tasks"] for side in sides}
        taken = turns.take_turns(sides, tasks, rounds)
        seconds = {f"{side} {t}": took for side in sides for t, took in taken[side].items()}
        row = {
            "case": case,
            "seconds": {name: float(np.median(took)) for name, took in seconds.items()},
            "range": {name: [min(took), max(took)] for name, took in seconds.items()},
            "about": {side: about[case, side] for side in sides},
        }
        rows.append(row)
        print(json.dumps(row), flush=True)
    for worker in workers.values():
        worker.finish()
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Render rows as Markdown: per task our fastest mode against PyTorch's fastest and eager."""
    lines = ["| case | task | ours, ms | PyTorch's best, ms | ratio | eager, ms | ratio |"]
    lines += ["|" + "---|" * 7]
    for row in rows:
        for task in ("train", "infer"):
            of_task = {k: v * 1e3 for k, v in row["seconds"].items() if f" {task}" in k}
            theirs = {k: v for k, v in of_task.items() if k.startswith("pytorch")}
            ours = {k: v for k, v in of_task.items() if k not in theirs}
            if not ours or not theirs:
                continue
            mine, best = (min(side, key=lambda name: side[name]) for side in (ours, theirs))
            eager = theirs.get(f"pytorch {task} eager", float("nan"))
            cells = [row["case"], task, f"{ours[mine]:.2f} ({mine.split(' ', 1)[1]})"]
            cells += [f"{theirs[best]:.2f} ({best.split()[-1]})"]
            cells += [f"{theirs[best] / ours[mine]:.2f}", f"{eager:.2f}"]
            cells += [f"{eager / ours[mine]:.2f}"]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def serve(case: str, side: str, files: list[Path], steps: int) -> None:
    """Run one side, in a separate process."""
    shape, precision = case.split("/")
    size, blocks, batch = map(int, shape.split("x"))
    if side == "exported":
        tasks, facts = exported(cases(files)[case])
    else:
        tasks, facts = pytorch(size, blocks, batch, PRECISIONS[precision])
    turns.serve(tasks, dict.fromkeys(tasks, steps), lambda: {**facts, "tasks": list(tasks)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("descriptions", nargs="*", type=Path, help="Files from export_step.py.")
    parser.add_argument("--rounds", type=int, default=5, help="Timed rounds, after a warm-up.")
    parser.add_argument("--steps", type=int, default=20, help="Timed steps per round.")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of each process.")
    parser.add_argument("--output", help="Folder for run_step.json.")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--files", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        files = [Path(name) for name in options.files.split(",")]
        serve(options.case, options.side, files, options.steps)
        return
    names = ",".join(map(str, options.descriptions))
    given = {"files": names, "steps": str(options.steps)}
    workers = {
        (case, side): turns.Worker(__file__, options.threads, case=case, side=side, **given)
        for case in cases(options.descriptions)
        for side in ("exported", "pytorch")
    }
    rows = measure(workers, options.rounds)
    print(table(rows))
    if options.output:
        turns.write(rows, options.output, __file__)


if __name__ == "__main__":
    main()
