"""Export a trained run as a model for TF Serving.

Each export is a new version, which is verified against the run before it is published.
docs/serving.md explains how to serve it.

    python -m cyclegan_tf.export --workdir=runs/quickstart --output=served/blond2ginger
"""

from collections.abc import Sequence

from cyclegan_tf import cli


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status, 0."""
    line = cli.CommandLine(__doc__)
    line.add_run(eval_mode=True)
    line.add("output", str, "", "Folder of the model; its name is the model's name in the server.")
    line.add("version", int, None, "Number of the version (default: the next one).")
    line.add("max_pixels", int, None, "Reject larger images (default: 2048 x 2048 pixels).")
    line.add("samples", str, "", "Folder of images to verify with, besides generated ones.")
    line.add("format", str, "saved_model", "Comma list of additional formats: tflite, onnx.")
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
