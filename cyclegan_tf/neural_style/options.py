"""Everything neural style can be told: options as those of a run, with the same metadata."""

from dataclasses import dataclass

from cyclegan_tf.config.option import Options, option
from cyclegan_tf.errors import UserError

# What has no meaning where pictures keep their size and there is one style.
NOT_FOR_COMPARING = ("image_size", "style_scale", "style_blend")


@dataclass(frozen=True)
class BackboneOptions(Options):
    """The network whose features are compared."""

    backbone: str = option("vgg19", "Network.", choices=("vgg16", "vgg19"))
    backbone_weights: str = option(
        "imagenet", "imagenet (Keras downloads it), random, or a file: .npz, .h5, .weights.h5."
    )
    pooling: str = option("max", "Pooling.", choices=("max", "average"))


@dataclass(frozen=True)
class StyleOptions(Options):
    """What a picture is painted towards, and how. Defaults are those of jcjohnson/neural-style."""

    image_size: int | None = option(
        None, "Longer side of the result, in pixels (default: the content's).", minimum=1
    )
    style_scale: float = option(
        1.0, "Longer side of a style's picture, relative to the result's.", above=0.0
    )
    style_blend: str = option("", "Share of each style: NUMBER[,NUMBER...] (default: equal).")
    original_colours: bool = option(
        False, "Take the content's colours, and only the lightness of what was painted."
    )
    content_weight: float = option(5.0, "Weight of the content.", minimum=0.0)
    style_weight: float = option(100.0, "Weight of the style.", minimum=0.0)
    tv_weight: float = option(1e-3, "Weight of the total variation.", minimum=0.0)
    content_layers: str = option("relu4_2", "Layers: NAME[:WEIGHT],...")
    style_layers: str = option(
        "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1", "Layers: NAME[:WEIGHT],..."
    )
    normalize_gradients: bool = option(
        False, "Bring each layer's gradient to an absolute sum of 1 before its weight."
    )
    iterations: int = option(1000, "Iterations, over all scales.", minimum=1)
    optimizer: str = option("lbfgs", "Method.", choices=("lbfgs", "adam"))
    learning_rate: float = option(10.0, "Of Adam, for pixels in [0, 255].", above=0.0)
    scales: int = option(
        1,
        "Sizes of a pyramid, each 1/sqrt(2) of the next; each has its share of iterations.",
        minimum=1,
    )
    average: float = option(
        0.0,
        "Decay per iteration of an average of the pictures, which is then the result; 0: none.",
        minimum=0.0,
        maximum=0.9999999,
    )
    seed: int = option(0, "Seed of the noise, and of random filters.", minimum=0, maximum=2**32 - 1)

    def validate(self) -> "StyleOptions":
        super().validate()
        if self.iterations < self.scales:
            raise UserError(
                f"`iterations={self.iterations}`: expected at least {self.scales}, one for each "
                "of the `scales`"
            )
        _weighted("content_layers", self.content_layers)
        _weighted("style_layers", self.style_layers)
        _numbers("style_blend", self.style_blend)
        return self

    @property
    def content_weights(self) -> dict[str, float]:
        """`content_layers` as a weight for each layer's name."""
        return _weighted("content_layers", self.content_layers)

    @property
    def style_weights(self) -> dict[str, float]:
        """`style_layers` as a weight for each layer's name."""
        return _weighted("style_layers", self.style_layers)

    @property
    def shares(self) -> list[float]:
        """`style_blend` as numbers; empty if the shares are equal."""
        return _numbers("style_blend", self.style_blend)


# Enough where painting starts from the content; jcjohnson's 1000 iterations are for noise.
COMPARISON_STYLE = StyleOptions(iterations=200)


def _weighted(name: str, text: str) -> dict[str, float]:
    try:
        pairs = [item.partition(":") for item in text.split(",")]
        return {layer: float(weight or 1.0) for layer, _, weight in pairs}
    except ValueError:
        raise UserError(f"`{name}={text}`: expected NAME[:WEIGHT],...") from None


def _numbers(name: str, text: str) -> list[float]:
    try:
        return [float(number) for number in text.split(",")] if text else []
    except ValueError:
        raise UserError(f"`{name}={text}`: expected NUMBER[,NUMBER...]") from None
