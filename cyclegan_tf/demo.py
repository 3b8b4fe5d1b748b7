"""Serve a web page for trying a trained run.

python -m cyclegan_tf.demo --workdir=runs/quickstart
"""

from collections.abc import Sequence
from dataclasses import asdict

from cyclegan_tf import cli
from cyclegan_tf.errors import UserError
from cyclegan_tf.neural_style.options import NOT_FOR_COMPARING, BackboneOptions, StyleOptions

# Fewer iterations than the default, because a user waits for the result.
STYLE = StyleOptions(iterations=60)


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Run the command until Ctrl-C; return the exit status, 0."""
    line = cli.CommandLine(__doc__)
    line.add_run()
    line.add("host", str, "127.0.0.1", "Address to listen on; 0.0.0.0 accepts other machines.")
    line.add("port", int, None, "Port (default: the first free port from 7860).")
    line.add("max_megabytes", int, 16, "Maximum size of uploads, in MB.", minimum=1)
    help_text = "Maximum longer side in pixels; larger images are scaled down."
    line.add("max_side", int, 1024, help_text, minimum=16)
    help_text = "Number of test images to choose from, per direction."
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
        raise UserError(
            f"the page needs Gradio ({error}): pip install 'cyclegan_tf[demo]'"
        ) from None
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
