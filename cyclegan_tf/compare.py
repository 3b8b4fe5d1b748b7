"""Compare a trained run with neural style, which needs no training.

Neural style is given one image of the other domain, then the whole domain. Writes images, metrics
and costs as a page, a sheet and JSON.

    python -m cyclegan_tf.compare --workdir=runs/quickstart
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cyclegan_tf import cli
from cyclegan_tf.neural_style.options import NOT_FOR_COMPARING, BackboneOptions, StyleOptions

# Enough for pictures that start from the content; jcjohnson's 1000 are for noise.
STYLE = StyleOptions(iterations=200)


def main(arguments: Sequence[str]) -> int:
    """Runs the command.

    Args:
        arguments: The program's name, then the flags.

    Returns:
        The exit status: 0, or 130 after Ctrl-C, when the pictures compared so far are written.
    """
    line = cli.CommandLine(__doc__)
    line.add_run()
    line.add(
        "output",
        str,
        "",
        "Folder for what is written (default: comparison in WORKDIR, with --step in "
        "WORKDIR/evaluation/step-N).",
    )
    line.add("direction", str, "a2b", "What is translated.", choices=("a2b", "b2a"))
    line.add("pictures", int, 8, "Test pictures to compare.", minimum=1)
    line.add("style", str, "", "One picture of the other domain (default: its first for training).")
    help_text = "How many stand for the whole domain (default: all)."
    line.add("domain_pictures", int, None, help_text, minimum=1)
    line.add("init", str, "content", "Where painting starts.", choices=("content", "noise"))
    line.add_options(STYLE, "Style options", without=NOT_FOR_COMPARING)
    line.add_options(BackboneOptions(), "Backbone options")
    line.parse(arguments)
    workdir = Path(line.required("workdir"))
    options, network = line.options(STYLE), line.options(BackboneOptions())

    cli.import_tensorflow()
    from cyclegan_tf.evaluation.comparison_page import write_comparison
    from cyclegan_tf.images.images import read_image
    from cyclegan_tf.neural_style.weights import load_backbone
    from cyclegan_tf.runs.comparison import compare_with_neural_style
    from cyclegan_tf.runs.workdir import Workdir

    found = compare_with_neural_style(
        workdir,
        load_backbone(**asdict(network), seed=options.seed),
        options,
        step=line["step"],
        direction=line["direction"],
        pictures=line["pictures"],
        style=read_image(line["style"]) if line["style"] else None,
        domain_pictures=line["domain_pictures"],
        init=line["init"],
    )
    default = Workdir(workdir).elsewhere(step=line["step"]).root / "comparison"
    folder = Path(line["output"]) if line["output"] else default
    page = write_comparison(folder, found)
    figures, sheet = page.with_suffix(".json"), page.with_suffix(".png")
    print(f"page:    {page}\nsheet:   {sheet}\nfigures: {figures}\n\n{found.summary()}")
    return 0 if found.complete else 130


if __name__ == "__main__":
    cli.run(main)
