"""Options of neural style, with the same metadata as a run's options."""

from dataclasses import dataclass

from cyclegan_tf.config.option import Options, option
from cyclegan_tf.errors import UserError

# Options that do not apply when images keep their size and there is one style.
NOT_FOR_COMPARING = ("image_size", "style_scale", "style_blend")


@dataclass(frozen=True)
class BackboneOptions(Options):
    """The network whose features are compared."""

    backbone: str = option("vgg19", "Backbone network.", choices=("vgg16", "vgg19"))
    backbone_weights: str = option(
        "imagenet", "imagenet (Keras downloads it), random, or a file: .npz, .h5, .weights.h5."
    )
    pooling: str = option("max", "Kind of pooling.", choices=("max", "average"))


@dataclass(frozen=True)
class StyleOptions(Options):
    """Objective and optimizer of neural style, with the defaults of jcjohnson/neural-style."""

    image_size: int | None = option(
        None, "Longer side of the result, in pixels (default: the content's).", minimum=1
    )
    style_scale: float = option(
        1.0, "Longer side of each style image, relative to the result's.", above=0.0
    )
    style_blend: str = option("", "Weight of each style: NUMBER[,NUMBER...] (default: equal).")
    original_colours: bool = option(
        False, "Keep the content's colours; take only the lightness from the result."
    )
    content_weight: float = option(5.0, "Weight of the content.", minimum=0.0)
    style_weight: float = option(100.0, "Weight of the style.", minimum=0.0)
    tv_weight: float = option(1e-3, "Weight of the total variation.", minimum=0.0)
    content_layers: str = option("relu4_2", "Content layers: NAME[:WEIGHT],...")
    style_layers: str = option(
        "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1", "Style layers: NAME[:WEIGHT],..."
    )
    normalize_gradients: bool = option(
        False, "Normalize each layer's gradient to an L1 norm of 1 before weighting."
    )
    iterations: int = option(1000, "Iterations in total, over all scales.", minimum=1)
    optimizer: str = option("lbfgs", "Optimizer.", choices=("lbfgs", "adam"))
    learning_rate: float = option(10.0, "Learning rate of Adam, for pixels in [0, 255].", above=0.0)
    scales: int = option(
        1,
        "Levels of the image pyramid, each 1/sqrt(2) of the next; iterations are divided evenly.",
        minimum=1,
    )
    average: float = option(
        0.0,
        "Decay per iteration of a moving average of the image, used as the result; 0: none.",
        minimum=0.0,
        maximum=0.9999999,
    )
    seed: int = option(0, "Seed of the noise and of random filters.", minimum=0, maximum=2**32 - 1)

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
        """`content_layers` as weights by layer name."""
        return _weighted("content_layers", self.content_layers)

    @property
    def style_weights(self) -> dict[str, float]:
        """`style_layers` as weights by layer name."""
        return _weighted("style_layers", self.style_layers)

    @property
    def shares(self) -> list[float]:
        """`style_blend` as numbers; empty for equal weights."""
        return _numbers("style_blend", self.style_blend)


# Enough when starting from the content; jcjohnson's 1000 iterations start from noise.
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
