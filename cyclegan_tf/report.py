"""Summarize a run on one page: images, metrics, curves and options.

The run may be unfinished. The page needs no other file and no network.

    python -m cyclegan_tf.report --workdir=runs/quickstart
"""

from collections.abc import Sequence

from cyclegan_tf import cli


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status, 0. Only reads files and does not use TensorFlow."""
    line = cli.CommandLine(__doc__)
    line.add("workdir", str, "", "Folder of the run.")
    line.add("output", str, "", "File of the page (default: WORKDIR/report.html).")
    line.parse(arguments)
    workdir = line.required("workdir")

    from cyclegan_tf.runs.report import report_run

    page = report_run(workdir, line["output"] or None)
    print(f"report: {page} ({page.stat().st_size / 1e6:.1f} MB, opens in any browser)")
    return 0


if __name__ == "__main__":
    cli.run(main)
