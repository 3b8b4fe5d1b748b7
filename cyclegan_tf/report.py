"""Turns a run into one page that shows it: pictures, figures, curves and options.

python -m cyclegan_tf.report --workdir=runs/quickstart
"""

from collections.abc import Sequence

from cyclegan_tf import cli


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit status.

    It reads files only, and does without TensorFlow.
    """
    line = cli.CommandLine(
        "Turns a run, finished or not, into one page that needs nothing else: what was trained, "
        "how it went, what it does to test pictures, and what to do next."
    )
    line.add("workdir", str, "", "Folder of the run.")
    line.add("output", str, "", "The page's file (default: WORKDIR/report.html).")
    line.parse(arguments)
    workdir = line.required("workdir")

    from cyclegan_tf.runs.report import report_run

    page = report_run(workdir, line["output"] or None)
    print(f"report: {page} ({page.stat().st_size / 1e6:.1f} MB, opens in any browser)")
    return 0


if __name__ == "__main__":
    cli.run(main)
