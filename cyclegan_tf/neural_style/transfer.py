"""Style transfer and texture synthesis: from pictures and a backbone to a new picture.

Reference:
    Gatys et al., https://arxiv.org/abs/1508.06576; defaults of jcjohnson/neural-style. The pyramid
    of sizes, its carried Adam state and the averaged iterates are an idea of
    crowsonkb/style-transfer-pytorch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from PIL import Image

from cyclegan_tf.errors import UserError
from cyclegan_tf.images import resize
from cyclegan_tf.neural_style import losses, optimize
from cyclegan_tf.neural_style.features import MEAN_COLOUR, Backbone, check_layers

CONTENT_LAYERS = {"relu4_2": 1.0}
STYLE_LAYERS = dict.fromkeys(("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), 1.0)


@dataclass(frozen=True)
class Progress:
    """Where a run stands, after an iteration.

    Attributes:
        iteration: From 1, over all sizes.
        iterations: How many there will be.
        losses: The weighted terms of the objective by name, such as `style relu1_1`.
        pixels: The picture, float32 `(1, height, width, 3)` about [0, 255].
    """

    iteration: int
    iterations: int
    losses: Mapping[str, float]
    pixels: tf.Tensor

    @property
    def image(self) -> np.ndarray:
        """The picture, uint8 `(height, width, 3)`."""
        return to_picture(self.pixels)


@dataclass(frozen=True)
class Objective:
    """What a picture should be like: its features and its Gram matrices.

    Attributes:
        backbone: Computes features.
        content_targets: Features by layer, `(1, height, width, channels)`.
        style_targets: Gram matrices by layer, `(channels, channels)`.
        content_layers: Weight of each layer of `content_targets`.
        style_layers: Weight of each layer of `style_targets`.
        content_weight: Of all content terms.
        style_weight: Of all style terms.
        tv_weight: Of the total variation.
        normalize_gradients: Whether each layer's gradient is brought to an absolute sum of 1
            before its weight.
    """

    backbone: Backbone
    content_targets: Mapping[str, tf.Tensor]
    style_targets: Mapping[str, tf.Tensor]
    content_layers: Mapping[str, float]
    style_layers: Mapping[str, float]
    content_weight: float
    style_weight: float
    tv_weight: float
    normalize_gradients: bool = False

    def losses(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Computes the weighted terms by name.

        Args:
            image: float32 `(1, height, width, 3)` in [0, 255].
        """
        features = self.backbone(image, {*self.content_targets, *self.style_targets})
        contents = self.content_targets, self.content_layers, self.content_weight
        styles = self.style_targets, self.style_layers, self.style_weight
        terms = {}
        for kind, loss, (targets, layers, weight) in (
            ("content", losses.content_loss, contents),
            ("style", losses.style_loss, styles),
        ):
            for layer, target in targets.items():
                terms[f"{kind} {layer}"] = self._term(
                    features[layer], target, loss, weight * layers[layer]
                )
        terms["total variation"] = self.tv_weight * losses.total_variation_loss(image)
        return terms

    def _term(
        self,
        features: tf.Tensor,
        target: tf.Tensor,
        loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
        weight: float,
    ) -> tf.Tensor:
        if not self.normalize_gradients:
            return weight * loss(features, target)
        value = loss(losses.with_normalized_gradient(features, weight), target)
        # The gradient has the weight already.
        return value + tf.stop_gradient((weight - 1.0) * value)

    def compiled(self) -> optimize.Evaluate:
        """Returns objective, terms and gradient as a function of a picture."""

        @tf.function(reduce_retracing=True)
        def evaluate(image: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor], tf.Tensor]:
            with tf.GradientTape() as tape:
                tape.watch(image)
                terms = self.losses(image)
                total = tf.add_n(list(terms.values()))
            return total, terms, tape.gradient(total, image)

        return evaluate


def gram_matrices(
    backbone: Backbone,
    pictures: Sequence[np.ndarray],
    layers: Sequence[str],
    shares: Sequence[float] | None = None,
) -> dict[str, tf.Tensor]:
    """Averages the Gram matrices of pictures: the style of one, of several, or of a collection.

    Args:
        backbone: Computes features.
        pictures: uint8 `(height, width, 3)` each, of any sizes.
        layers: Names such as `relu1_1`.
        shares: The weight of each picture; they are divided by their sum. Equal by default.

    Returns:
        By layer, float32 `(channels, channels)`.

    Raises:
        UserError: If the shares are not as many as pictures, negative, or all 0.
    """
    shares = [1.0] * len(pictures) if shares is None else shares
    if len(shares) != len(pictures) or min(shares) < 0 or not sum(shares) > 0:
        raise UserError(
            f"blend weights must be one for each of the {len(pictures)} styles, not negative and "
            f"not all 0; received {', '.join(map(str, shares))}"
        )

    @tf.function(reduce_retracing=True)
    def grams(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            layer: losses.gram_matrix(features)
            for layer, features in backbone(image, layers).items()
        }

    averages = dict.fromkeys(layers, 0.0)
    for picture, share in zip(pictures, shares, strict=True):
        found = grams(to_pixels(picture))
        averages = {
            layer: averages[layer] + found[layer] * (share / sum(shares)) for layer in layers
        }
    return averages


def stylize(
    content: np.ndarray | None,
    styles: Sequence[np.ndarray],
    backbone: Backbone,
    *,
    image_size: int | None = None,
    iterations: int = 1000,
    optimizer: str = "lbfgs",
    learning_rate: float = 10.0,
    content_weight: float = 5.0,
    style_weight: float = 100.0,
    tv_weight: float = 1e-3,
    content_layers: Mapping[str, float] = CONTENT_LAYERS,
    style_layers: Mapping[str, float] = STYLE_LAYERS,
    style_blend: Sequence[float] | None = None,
    style_scale: float = 1.0,
    style_targets: Mapping[str, tf.Tensor] | None = None,
    init: str | np.ndarray = "noise",
    scales: int = 1,
    average: float = 0.0,
    original_colours: bool = False,
    normalize_gradients: bool = False,
    seed: int = 0,
    on_iteration: Callable[[Progress], None] | None = None,
) -> np.ndarray:
    """Paints a picture's content in the style of others, or a texture like theirs.

    Args:
        content: uint8 `(height, width, 3)`; None for a texture.
        styles: Pictures of the same kind, of any sizes; none where `style_targets` are given.
        backbone: Computes features.
        image_size: The longer side of the result, in pixels; by default that of the content, for a
            texture that of the first style.
        iterations: Over all sizes.
        optimizer: `lbfgs` or `adam`.
        learning_rate: Of Adam, for pixels in [0, 255].
        content_weight: Of the content.
        style_weight: Of the style.
        tv_weight: Of the total variation.
        content_layers: Layers with the weight of each.
        style_layers: Likewise.
        style_blend: The share of each style; equal by default.
        style_scale: The longer side of a style's picture, relative to the result's.
        style_targets: Gram matrices by layer, instead of those of `styles`.
        init: `noise`, `content`, or a picture to start from.
        scales: Sizes of a pyramid, each 1/sqrt(2) of the next; each has its share of iterations.
        average: Decay per iteration of an average of the pictures, which is then the result; 0 is
            none.
        original_colours: Whether to take the content's colours and only the lightness of what was
            painted.
        normalize_gradients: See `Objective`.
        seed: Of the noise.
        on_iteration: Is told of each iteration.

    Returns:
        uint8 `(height, width, 3)`.

    Raises:
        UserError: If something needed is missing, or a value out of bounds.
    """
    _check_pictures(content, styles, style_targets, init)
    _check_numbers(optimizer, iterations, scales, average, style_scale, image_size)
    check_layers(backbone.name, [*content_layers, *style_layers])
    frame = styles[0] if content is None else content
    longer = max(frame.shape[:2]) if image_size is None else image_size
    rng, image, state = np.random.default_rng(seed), None, None
    done = 0
    for scale in range(scales):
        side = max(1, round(longer / 2 ** ((scales - 1 - scale) / 2)))
        framed = resize(frame, side)
        height, width = framed.shape[:2]
        if image is None:
            image = _start(init, framed, rng)
        else:
            image = tf.image.resize(image, (height, width), "bicubic")
        objective = Objective(
            backbone,
            {} if content is None else backbone(to_pixels(framed), content_layers),
            style_targets
            or gram_matrices(
                backbone,
                [resize(style, max(1, round(side * style_scale))) for style in styles],
                list(style_layers),
                style_blend,
            ),
            content_layers,
            style_layers,
            content_weight,
            style_weight,
            tv_weight,
            normalize_gradients,
        )
        share = iterations * (scale + 1) // scales - done
        follow = _Follower(average, done, iterations, on_iteration)
        if optimizer == "lbfgs":
            last = optimize.lbfgs(objective.compiled(), image, share, follow)
        else:
            state = (
                optimize.AdamState.zeros(image) if state is None else state.resized(height, width)
            )
            last = optimize.adam(objective.compiled(), image, share, follow, state, learning_rate)
        image = last if follow.average is None else follow.average
        done += share
    painted = to_picture(image)
    return with_colours_of(resize(frame, longer), painted) if original_colours else painted


class _Follower:
    """Averages pictures as they come, with Adam's correction for the start, and reports them."""

    def __init__(
        self,
        decay: float,
        done: int,
        iterations: int,
        on_iteration: Callable[[Progress], None] | None,
    ) -> None:
        self._decay, self._iterations, self._report = decay, iterations, on_iteration
        self._iteration, self._count, self._sum = done, 0, 0.0

    @property
    def average(self) -> tf.Tensor | None:
        return self._sum / (1.0 - self._decay**self._count) if self._decay and self._count else None

    def __call__(self, image: tf.Tensor, terms: Mapping[str, float]) -> None:
        self._iteration += 1
        self._count += 1
        if self._decay:
            self._sum = self._decay * self._sum + (1.0 - self._decay) * image
        if self._report:
            shown = image if self.average is None else self.average
            self._report(Progress(self._iteration, self._iterations, terms, shown))


def _start(init: str | np.ndarray, framed: np.ndarray, rng: np.random.Generator) -> tf.Tensor:
    if isinstance(init, np.ndarray):
        picture = Image.fromarray(init).resize(framed.shape[1::-1], Image.Resampling.LANCZOS)
        return to_pixels(np.asarray(picture))
    if init == "content":
        return to_pixels(framed)
    # As jcjohnson/neural-style: the mean colour, and so little noise that it only breaks ties.
    noise = 0.001 * rng.standard_normal((1, *framed.shape))
    return tf.constant(MEAN_COLOUR + noise, tf.float32)


def with_colours_of(content: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """Gives a picture the colours of another one of its size, and leaves its lightness.

    Args:
        content: uint8 `(height, width, 3)`, whose colours (Cb, Cr) are taken.
        painted: Likewise, whose lightness (Y) is.

    Returns:
        uint8 `(height, width, 3)`.

    Reference:
        Gatys et al., "Preserving Color in Neural Artistic Style Transfer",
        https://arxiv.org/abs/1606.05897, section 3.2
    """
    lightness = Image.fromarray(painted).convert("YCbCr").split()[0]
    _, *colours = Image.fromarray(content).convert("YCbCr").split()
    return np.asarray(Image.merge("YCbCr", (lightness, *colours)).convert("RGB"))


def to_pixels(picture: np.ndarray) -> tf.Tensor:
    """Makes uint8 `(height, width, 3)` float32 `(1, height, width, 3)`, still in [0, 255]."""
    return tf.cast(picture[np.newaxis], tf.float32)


def to_picture(pixels: tf.Tensor) -> np.ndarray:
    """Makes float32 `(1, height, width, 3)` uint8 `(height, width, 3)`, cut to [0, 255]."""
    return tf.cast(tf.round(tf.clip_by_value(pixels[0], 0.0, 255.0)), tf.uint8).numpy()


def _check_pictures(
    content: np.ndarray | None,
    styles: Sequence[np.ndarray],
    style_targets: Mapping[str, tf.Tensor] | None,
    init: str | np.ndarray,
) -> None:
    if not styles and (style_targets is None or content is None):
        raise UserError("a style is needed: one or several pictures")
    starts = ("noise",) if content is None else ("noise", "content")
    if isinstance(init, str) and init not in starts:
        raise UserError(f"init={init}: expected a picture or {' or '.join(starts)}")


def _check_numbers(
    optimizer: str,
    iterations: int,
    scales: int,
    average: float,
    style_scale: float,
    image_size: int | None,
) -> None:
    one_of = ", ".join(optimize.OPTIMIZERS)
    for name, value, allowed, expected in (
        ("optimizer", optimizer, optimizer in optimize.OPTIMIZERS, f"one of {one_of}"),
        ("scales", scales, scales >= 1, "at least 1"),
        ("iterations", iterations, iterations >= scales, f"at least {scales}, one for each scale"),
        ("average", average, 0.0 <= average < 1.0, "at least 0 and less than 1"),
        ("style_scale", style_scale, style_scale > 0.0, "more than 0"),
        ("image_size", image_size, image_size is None or image_size >= 1, "at least 1"),
    ):
        if not allowed:
            raise UserError(f"{name}={value}: expected {expected}")
