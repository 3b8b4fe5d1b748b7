"""Compare a trained run with neural style, which needs no training.

Neural style is given one image of the other domain, then the whole domain. Writes images, metrics
and costs as a page, a sheet and JSON.

    python -m cyclegan_tf.compare --workdir=runs/quickstart
"""

from collections.abc import Sequence

from cyclegan_tf import cli
from cyclegan_tf.config.direction import DIRECTIONS
from cyclegan_tf.neural_style.options import COMPARISON_STYLE, NOT_FOR_COMPARING, BackboneOptions


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status.

    Returns 0, or 130 after Ctrl-C. The images compared so far are written even then.
    """
    line = cli.CommandLine(__doc__)
    line.add_run()
    line.add(
        "output",
        str,
        "",
        "Folder for the results (default: comparison in WORKDIR; with --step in "
        "WORKDIR/evaluation/step-N).",
    )
    line.add("direction", str, "a2b", "Direction of the translation.", choices=DIRECTIONS)
    line.add("images", int, 8, "Test images to compare.", minimum=1)
    line.add("style", str, "", "An image of the other domain (default: its first for training).")
    help_text = "Training images that represent the whole domain (default: all)."
    line.add("domain_images", int, None, help_text, minimum=1)
    line.add("init", str, "content", "Start of the optimization.", choices=("content", "noise"))
    line.add_options(COMPARISON_STYLE, "Style options", without=NOT_FOR_COMPARING)
    line.add_options(BackboneOptions(), "Backbone options")
    line.add_former(pictures="images", domain_pictures="domain_images")
    line.parse(arguments)
    workdir = line.required("workdir")
    options, network = line.options(COMPARISON_STYLE), line.options(BackboneOptions())

    cli.import_tensorflow()
    from cyclegan_tf.images.images import read_image
    from cyclegan_tf.runs.comparison import compare_run
    from cyclegan_tf.runs.run import Run

    page, found = compare_run(
        Run.open(workdir, line["step"]),
        line["output"] or None,
        line["direction"],
        line["images"],
        options,
        network,
        read_image(line["style"]) if line["style"] else None,
        line["domain_images"],
        line["init"],
    )
    figures, sheet = page.with_suffix(".json"), page.with_suffix(".png")
    print(f"page:    {page}\nsheet:   {sheet}\nmetrics: {figures}\n\n{found.summary()}")
    return 0 if found.complete else 130


if __name__ == "__main__":
    cli.run(main)
