"""Evaluate a trained run on its test split.

Measures the cycle error. If test images come in aligned pairs, also measures the error against the
target, beside the error of the unchanged input.

    python -m cyclegan_tf.evaluate --workdir=runs/quickstart
"""

from collections.abc import Sequence

from cyclegan_tf import cli


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status, 0."""
    line = cli.CommandLine(__doc__)
    line.add_run(eval_mode=True)
    line.add("data", str, "", "Other data to evaluate on, in the form of --data for training.")
    line.parse(arguments)
    workdir = line.required("workdir")

    cli.import_tensorflow()
    from cyclegan_tf.evaluation.figures import metrics_table
    from cyclegan_tf.runs.run import Run

    run = Run.open(workdir, line["step"], line["eval_mode"])
    evaluation, files = run.evaluate(line["data"]), run.origin.results(line["data"])
    print(f"metrics: {files.evaluation}\ngallery: {files.gallery}\n")
    print(metrics_table(evaluation.figures, run.config.domain_names))
    return 0


if __name__ == "__main__":
    cli.run(main)
