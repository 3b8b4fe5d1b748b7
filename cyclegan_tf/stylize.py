"""Paints a picture in the style of others, or a texture, by Gram matrices: no training needed.

python -m cyclegan_tf.stylize --content=photo.jpg --style=painting.jpg --output=painted.png
python -m cyclegan_tf.stylize --texture --style=painting.jpg --output=texture.png
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cyclegan_tf import cli
from cyclegan_tf.errors import UserError


def main(arguments: Sequence[str]) -> int:
    """Runs the command.

    Args:
        arguments: The program's name, then the flags.

    Returns:
        The exit status: 0, or 130 after Ctrl-C, when what is painted so far has been written.
    """
    line = _command_line()
    line.parse(arguments)
    style, output = line.required("style"), Path(line.required("output"))
    if bool(line["content"]) == line["texture"]:
        raise UserError("give either --content=FILE or --texture")

    cli.import_tensorflow()
    from cyclegan_tf.images import read_image, write_image
    from cyclegan_tf.neural_style.features import Backbone, check_layers
    from cyclegan_tf.neural_style.report import Recorder
    from cyclegan_tf.neural_style.transfer import stylize
    from cyclegan_tf.neural_style.weights import load_weights

    content_layers = _weighted(line["content_layers"], "content_layers")
    style_layers = _weighted(line["style_layers"], "style_layers")
    check_layers(line["backbone"], [*content_layers, *style_layers])
    content = read_image(line["content"]) if line["content"] else None
    styles = [read_image(file) for file in style.split(",")]
    init = line["init"] if line["init"] in ("noise", "content") else read_image(line["init"])
    weights = load_weights(line["backbone"], line["backbone_weights"], line["seed"])
    recorder = Recorder(output, line["iterations"], line["save_every"])
    same = [
        *("image_size", "style_scale", "original_colours", "content_weight", "style_weight"),
        *("tv_weight", "normalize_gradients", "iterations", "optimizer", "learning_rate"),
        *("scales", "average", "seed"),
    ]
    try:
        with recorder:
            painted = stylize(
                content,
                styles,
                Backbone(line["backbone"], weights, line["pooling"]),
                **{name: line[name] for name in same},
                content_layers=content_layers,
                style_layers=style_layers,
                style_blend=_numbers(line["style_blend"]) if line["style_blend"] else None,
                init=init,
                on_iteration=recorder,
            )
    except KeyboardInterrupt:
        if recorder.latest is None:
            raise
        write_image(output, recorder.latest.image)
        print(f"stopped at iteration {recorder.latest.iteration}; so far: {output}")
        return 130
    write_image(output, painted)
    print(f"picture: {output}\nlosses:  {recorder.curve}")
    return 0


def _command_line() -> cli.CommandLine:
    line = cli.CommandLine("Paints a picture in the style of others, or a texture like them.")
    group = "Pictures"
    line.add("content", str, "", "The picture to paint.", group=group)
    line.add("style", str, "", "Pictures whose style is taken: FILE[,FILE...].", group=group)
    line.add("style_blend", str, "", "Share of each style: NUMBER[,NUMBER...].", group=group)
    line.add("texture", bool, False, "Paint a texture from the style alone.", group=group)
    line.add("output", str, "", "Where the picture is written.", group=group)
    line.add(
        "image_size", int, None, "Longer side, in pixels (default: the content's).", group=group
    )
    line.add("style_scale", float, 1.0, "Size of the style's picture to it.", group=group)
    line.add("init", str, "noise", "Start: noise, content, or a picture's file.", group=group)
    line.add("original_colours", bool, False, "Keep the content's colours.", group=group)
    line.add("save_every", int, 0, "Iterations between pictures on the way; 0: none.", group=group)
    group = "Objective"
    line.add("content_weight", float, 5.0, "Weight of the content.", group=group)
    line.add("style_weight", float, 100.0, "Weight of the style.", group=group)
    line.add("tv_weight", float, 1e-3, "Weight of the total variation.", group=group)
    line.add("content_layers", str, "relu4_2", "Layers: NAME[:WEIGHT],...", group=group)
    styles = "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1"
    line.add("style_layers", str, styles, "Layers: NAME[:WEIGHT],...", group=group)
    line.add("normalize_gradients", bool, False, "Give layers a say by weight alone.", group=group)
    group = "Backbone"
    line.add("backbone", str, "vgg19", "Network.", choices=("vgg16", "vgg19"), group=group)
    help_text = "imagenet (Keras downloads it), random, or a file: .npz, .h5, .weights.h5."
    line.add("backbone_weights", str, "imagenet", help_text, group=group)
    line.add("pooling", str, "max", "Pooling.", choices=("max", "average"), group=group)
    group = "Optimization"
    line.add("iterations", int, 1000, "Iterations, over all scales.", group=group)
    line.add("optimizer", str, "lbfgs", "Method.", choices=("lbfgs", "adam"), group=group)
    line.add("learning_rate", float, 10.0, "Of Adam, for pixels in [0, 255].", group=group)
    line.add("scales", int, 1, "Sizes of a pyramid, each 1/sqrt(2) of the next.", group=group)
    line.add("average", float, 0.0, "Decay of an average of the iterates; 0: none.", group=group)
    line.add("seed", int, 0, "Of the noise, and of random filters.", group=group)
    return line


def _weighted(text: str, flag: str) -> Mapping[str, float]:
    try:
        pairs = [item.partition(":") for item in text.split(",")]
        return {name: float(weight or 1.0) for name, _, weight in pairs}
    except ValueError:
        raise UserError(f"--{flag}={text}: expected NAME[:WEIGHT],...") from None


def _numbers(text: str) -> list[float]:
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise UserError(f"--style_blend={text}: expected NUMBER[,NUMBER...]") from None


if __name__ == "__main__":
    cli.run(main)
