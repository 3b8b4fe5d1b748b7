"""Evaluate a trained run on its test split.

Measures the cycle error. If test images come in aligned pairs, also measures the error against the
target, beside the error of the unchanged input.

    python -m cyclegan_tf.evaluate --workdir=runs/quickstart
"""

from collections.abc import Sequence
from pathlib import Path

from cyclegan_tf import cli
from cyclegan_tf.config.run_options import EVAL_MODE
from cyclegan_tf.errors import UserError


def main(arguments: Sequence[str]) -> int:
    """Runs the command.

    Args:
        arguments: The program's name, then the flags.

    Returns:
        The exit status, 0.
    """
    line = cli.CommandLine(__doc__)
    line.add_run()
    line.add("data", str, "", "Other data to test on, as for training.")
    line.add("eval_mode", bool, None, EVAL_MODE)
    line.parse(arguments)
    workdir = line.required("workdir")

    cli.import_tensorflow()
    from cyclegan_tf.evaluation.figures import table
    from cyclegan_tf.runs import experiment
    from cyclegan_tf.runs.report import report_if_possible
    from cyclegan_tf.runs.run import load_generators
    from cyclegan_tf.runs.workdir import Workdir

    config, generators = load_generators(workdir, line["eval_mode"], line["step"])
    config = config.replace({**line.given(), "data_a": "", "data_b": ""} if line["data"] else {})
    data = experiment.Data.load(config, "test")
    if data is None:
        raise UserError("the data has no test split; give --data=DIR with testA and testB")
    own = Workdir(Path(workdir))
    # Of other data or another step, figures do not replace the run's own.
    files = own.elsewhere(line["data"], line["step"])
    evaluation = experiment.evaluate_generators(config, data, generators, files)
    if files == own:
        report_if_possible(workdir)  # Or it would show the figures of before.
    print(f"figures: {files.evaluation}\ngallery: {files.gallery}\n\n{table(evaluation.figures)}")
    return 0


if __name__ == "__main__":
    cli.run(main)
