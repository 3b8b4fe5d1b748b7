"""Render an image in the style of others by Gram matrices, without training.

With --texture, synthesizes a texture from the style alone.

    python -m cyclegan_tf.stylize --content=photo.jpg --style=painting.jpg --output=painted.png
    python -m cyclegan_tf.stylize --texture --style=painting.jpg --output=texture.png
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cyclegan_tf import cli
from cyclegan_tf.errors import UserError
from cyclegan_tf.neural_style.options import BackboneOptions, StyleOptions


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Run the command, and return the exit status.

    Returns 0, or 130 after Ctrl-C, which writes the latest image.
    """
    line = cli.CommandLine(__doc__)
    line.add("content", str, "", "Content image.")
    line.add("style", str, "", "Style images: FILE[,FILE...].")
    line.add("texture", bool, False, "Synthesize a texture from the style alone.")
    line.add("output", str, "", "File of the result.")
    line.add("init", str, "noise", "Initial image: noise, content, or an image file.")
    line.add("save_every", int, 0, "Iterations between intermediate images; 0: none.")
    line.add_preset(style=True)
    line.add_options(StyleOptions(), "Style options")
    line.add_options(BackboneOptions(), "Backbone options")
    line.parse(arguments)
    styles, output = line.required("style").split(","), Path(line.required("output"))
    if bool(line["content"]) == line["texture"]:
        raise UserError("give either --content=FILE or --texture")
    options, network = line.options(StyleOptions()), line.options(BackboneOptions())

    cli.import_tensorflow()
    from cyclegan_tf.images.images import read_image, write_image
    from cyclegan_tf.neural_style.features import check_layers
    from cyclegan_tf.neural_style.report import Recorder
    from cyclegan_tf.neural_style.transfer import stylize
    from cyclegan_tf.neural_style.weights import load_backbone

    check_layers(network.backbone, [*options.content_weights, *options.style_weights])
    content = read_image(line["content"]) if line["content"] else None
    style_images = [read_image(file) for file in styles]
    init = line["init"] if line["init"] in ("noise", "content") else read_image(line["init"])
    backbone = load_backbone(**asdict(network), seed=options.seed)
    recorder = Recorder(output, options.iterations, line["save_every"])
    try:
        with recorder:
            painted = stylize(
                content, style_images, backbone, options, init=init, on_iteration=recorder
            )
    except KeyboardInterrupt:
        if recorder.latest is None:
            raise
        write_image(output, recorder.latest.image)
        print(f"stopped at iteration {recorder.latest.iteration}; latest image: {output}")
        return 130
    write_image(output, painted)
    print(f"image:  {output}\nlosses: {recorder.curve}")
    return 0


if __name__ == "__main__":
    cli.run(main)
