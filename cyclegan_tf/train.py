"""Train a model on two image domains, or resume a run.

python -m cyclegan_tf.train --data=photos --workdir=runs/mine
python -m cyclegan_tf.train --preset=horse2zebra --workdir=runs/horse2zebra
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from cyclegan_tf import cli
from cyclegan_tf.runs.workdir import Workdir
from cyclegan_tf.training.workers import find_workers


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Run the command.

    Args:
        arguments: The program's name, then the flags.

    Returns:
        The exit status: 0 after the last step or a dry run; 130 or 143 if SIGINT or SIGTERM
        stopped the run after a checkpoint.

    Raises:
        UserError: If the run cannot start, resume or be evaluated, for example because a loss is
            not finite (`loop.NotFinite`) or a worker is gone (`agreement.WorkerLost`); status 1.
        OSError: If the evaluation cannot be written; status 1.
        KeyboardInterrupt: On SIGINT outside of the steps, or on a second one; status 130. SIGTERM
            ends the process there; SIGALRM does if the workers cannot connect in time.
    """
    line = cli.CommandLine(__doc__)
    line.add_training()
    line.parse(arguments)

    workdir = Workdir(Path(line.required("workdir")))
    config = line.config(workdir.stored_config()).validate()
    workers = find_workers()

    # Invalid options were reported above, without waiting for TensorFlow.
    cli.import_tensorflow()
    from cyclegan_tf.evaluation.figures import metrics_table
    from cyclegan_tf.runs.description import describe
    from cyclegan_tf.runs.experiment import Experiment
    from cyclegan_tf.runs.report import report_if_possible
    from cyclegan_tf.training.agreement import losing_workers
    from cyclegan_tf.training.loop import Interrupted, NotFinite

    def report() -> None:
        if workers.is_chief and (page := report_if_possible(workdir.root)):
            print(f"report:      {page}")

    try:
        with losing_workers(workers):
            experiment = Experiment(config, workdir.root, workers)
            print(describe(experiment))
            if line["dry_run"]:
                return 0
            experiment.train()
    except Interrupted as interruption:
        print(interruption, file=sys.stderr)
        report()
        return interruption.exit_status
    except NotFinite:
        report()  # Its curves help to find the cause.
        raise
    if not workers.is_chief:
        return 0
    try:
        evaluation = experiment.evaluate()
    finally:
        report()
    print(f"checkpoints: {workdir.checkpoints}\nsamples:     {workdir.samples}")
    print(f"curves:      {workdir.metrics}, tensorboard --logdir={workdir.logs}")
    if evaluation is not None:
        print(f"metrics:     {workdir.evaluation}\ngallery:     {workdir.gallery}\n")
        print(metrics_table(evaluation.figures, config.domain_names))
    return 0


if __name__ == "__main__":
    cli.run(main)
