"""Export a trained run as a model for TF Serving.

Each export is a new version, which is verified against the run before it is published.
docs/serving.md explains how to serve it.

    python -m cyclegan_tf.export --workdir=runs/quickstart --output=served/blond2ginger
"""

from collections.abc import Sequence

from cyclegan_tf import cli


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit status, 0."""
    line = cli.CommandLine(__doc__)
    line.add_run(eval_mode=True)
    line.add("output", str, "", "The model's folder; its name is the model's name in the server.")
    line.add("version", int, None, "Number of the version; by default the next one.")
    line.add("max_pixels", int, None, "Larger pictures are refused, by default than 2048x2048.")
    line.add("samples", str, "", "A folder of pictures to compare on, besides drawn ones.")
    line.add("format", str, "saved_model", "Comma list: what else is written, tflite or onnx.")
    line.parse(arguments)
    workdir, output = line.required("workdir"), line.required("output")
    formats = [kind for kind in line["format"].split(",") if kind != "saved_model"]

    cli.import_tensorflow()
    from cyclegan_tf.runs.exporting import export_run
    from cyclegan_tf.runs.run import Run

    run = Run.open(workdir, line["step"], line["eval_mode"])
    published = export_run(
        run, output, line["version"], line["max_pixels"], line["samples"] or None, formats
    )
    for check in published.checks:
        print(f"{check.name}: {check}")
    print(f"model:   {published.name}\nversion: {published.folder}")
    return 0


if __name__ == "__main__":
    cli.run(main)
