"""Exports training steps and generators as HLO, to run them on machines without TensorFlow.

    python benchmarks/export_step.py --output=exported --cases=128x6x1,256x9x4

The GPU branches of the code are exported; no GPU is needed. For every case there are two modules,
`train-CASE-PRECISION.hlo.xz` and `infer-...`, each with a description. It lists the arguments (two
batches, then the variables), how `run_step.argument` generates their values, and the results of a
float32 step on this CPU, for checking another device. A step returns the losses, then the new
variables in the order of the arguments.
"""

import json
import lzma
from pathlib import Path
from typing import Any
from unittest import mock

import networks
import numpy as np
import run_step
from absl import app, flags

_OUTPUT = flags.DEFINE_string("output", None, "Folder for the modules.", required=True)
_CASES = flags.DEFINE_list("cases", ["128x6x1", "256x9x1"], "SIZExBLOCKSxBATCH, each.")
_PRECISIONS = flags.DEFINE_list("precisions", ["float32", "mixed_bfloat16"], "Dtype policies.")


def main(_: list[str]) -> None:
    from cyclegan_tf.cli import import_tensorflow

    import_tensorflow()
    Path(_OUTPUT.value).mkdir(parents=True, exist_ok=True)
    for case in _CASES.value:
        export(case, _PRECISIONS.value)


def build(case: str, precision: str) -> tuple[Any, tuple[Any, Any]]:
    """Build the model and two batches of a case."""
    import tensorflow as tf

    size, blocks, batch = map(int, case.split("x"))
    model = networks.our_model(networks.our_config(size, blocks, batch, precision))
    shape = [batch, size, size, 3]
    batches = (tf.constant(run_step.argument(i, shape, "float32", 0.5)) for i in range(2))
    return model, tuple(batches)


def export(case: str, precisions: list[str]) -> None:
    """Export the modules of a case."""
    from cyclegan_tf.models import hardware

    steps = {}
    for precision in precisions:
        model, (a, b) = build(case, precision)
        with mock.patch.object(hardware, "has_gpu", return_value=True):
            steps[f"train-{case}-{precision}"] = write(
                f"train-{case}-{precision}", model, train_step(model), (a, b)
            )
            write(f"infer-{case}-{precision}", model, inference(model), (a,))
    facts = expected_results(case, next(iter(steps.values())))
    for stem, about in steps.items():
        Path(_OUTPUT.value, f"{stem}.json").write_text(json.dumps(about | facts))


def train_step(model: Any) -> Any:
    """Return the training step of two batches, a function compiled by XLA."""
    import tensorflow as tf

    return tf.function(lambda a, b: model.train_step((a, b)), jit_compile=True)


def inference(model: Any) -> Any:
    """Return the generator from A to B, a function compiled by XLA."""
    import tensorflow as tf

    return tf.function(lambda a: model.generator_ab(a, training=False), jit_compile=True)


def expected_results(case: str, about: dict[str, Any]) -> dict[str, Any]:
    """Compute a float32 step on this CPU, with the CPU branches of the code.

    Args:
        case: Name of the case.
        about: The description of an exported step, with the initial values.

    Returns:
        The losses by name, and samples of the optimizers' first moments.
    """
    import tensorflow as tf

    model, (a, b) = build(case, "float32")
    step = tf.function(lambda a, b: model.train_step((a, b))).get_concrete_function(a, b)
    variables = dict(captured_variables(model, step))
    specs = dict(zip(about["names"], enumerate(about["arguments"]), strict=True))
    for name, variable in variables.items():
        index, spec = specs[name]
        variable.assign(run_step.argument(index, *spec))
    losses = step(a, b)
    return {
        "losses": sorted(losses),
        "expected": {name: [float(value)] for name, value in losses.items()},
        "moments": {
            name: run_step.sample(variable.numpy())
            for name, variable in variables.items()
            if "/m/" in name
        },
    }


def captured_variables(model: Any, concrete: Any) -> list[tuple[str, Any]]:
    """List the variables that a function captures, by their names in checkpoints.

    Raises:
        RuntimeError: If it captures anything other than variables.
    """
    known = {
        id(variable.handle): (f"{group}/{name}", variable)
        for group, variables in model.state().items()
        for name, variable in variables.items()
    }
    handles = concrete.captured_inputs
    unknown = [handle for handle in handles if id(handle) not in known]
    if unknown:
        raise RuntimeError(f"the function captures more than variables: {unknown}")
    return [known[id(handle)] for handle in handles]


def write(stem: str, model: Any, function: Any, inputs: tuple[Any, ...]) -> dict[str, Any]:
    """Write a module and its description, and return the description."""
    concrete = function.get_concrete_function(*inputs)
    variables = captured_variables(model, concrete)
    hlo = function.experimental_get_compiler_ir(*inputs)(stage="hlo_serialized")
    if b"custom-call" in hlo or b"custom_call" in hlo:
        raise RuntimeError(f"{stem} holds a custom call")
    arguments = [[list(x.shape), x.dtype.name, 0.5] for x in inputs]
    for name, variable in variables:
        scale = 0.02 if name.endswith("kernel") and variable.shape.rank == 4 else 0.0
        value = variable.numpy()
        # A scalar such as the loss scale keeps its value.
        scale = scale if value.shape else float(value)
        arguments.append([list(variable.shape), value.dtype.name, scale])
    names = [f"input_{i}" for i in range(len(inputs))] + [name for name, _ in variables]
    about = {"arguments": arguments, "names": names}
    with lzma.open(Path(_OUTPUT.value, f"{stem}.hlo.xz"), "wb") as file:
        file.write(hlo)
    Path(_OUTPUT.value, f"{stem}.json").write_text(json.dumps(about))
    print(stem, len(hlo), np.sum([np.prod(shape) for shape, *_ in arguments]), flush=True)
    return about


if __name__ == "__main__":
    app.run(main)
