"""Serve a page on which to try a trained run.

python -m cyclegan_tf.demo --workdir=runs/quickstart
"""

from collections.abc import Sequence
from dataclasses import asdict

from cyclegan_tf import cli
from cyclegan_tf.errors import UserError
from cyclegan_tf.neural_style.options import NOT_FOR_COMPARING, BackboneOptions, StyleOptions

# Somebody waits for it.
STYLE = StyleOptions(iterations=60)


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit status, 0, after Ctrl-C."""
    line = cli.CommandLine(__doc__)
    line.add_run()
    line.add("host", str, "127.0.0.1", "Address to listen on; others reach 0.0.0.0.")
    line.add("port", int, None, "Port (default: the first free one from 7860 on).")
    line.add("max_megabytes", int, 16, "Largest file that can be uploaded.", minimum=1)
    help_text = "Larger pictures are made smaller, to this longer side."
    line.add("max_side", int, 1024, help_text, minimum=16)
    help_text = "Test pictures to pick from, for each direction."
    line.add("examples", int, 12, help_text, minimum=0)
    line.add_options(STYLE, "Style options", without=NOT_FOR_COMPARING)
    line.add_options(BackboneOptions(), "Backbone options")
    line.parse(arguments)
    workdir = line.required("workdir")
    options, network = line.options(STYLE), line.options(BackboneOptions())

    cli.import_tensorflow()
    try:
        from cyclegan_tf.serving import demo_page
    except ImportError as error:
        raise UserError(f"the page needs Gradio ({error}): pip install '.[demo]'") from None
    from cyclegan_tf.runs.demonstration import demonstrate
    from cyclegan_tf.runs.run import Run

    run = Run.open(workdir, line["step"])
    shown = demonstrate(run, options, asdict(network), line["examples"])
    page = demo_page.build(
        shown.title,
        shown.translate,
        shown.examples,
        shown.paint,
        line["max_side"],
        shown.channels,
        shown.names,
    )
    demo_page.serve(page, line["host"], line["port"], line["max_megabytes"])
    return 0


if __name__ == "__main__":
    cli.run(main)
