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
from cyclegan_tf.images.images import resize
from cyclegan_tf.neural_style import optimize
from cyclegan_tf.neural_style.features import MEAN_COLOUR, Backbone, check_layers
from cyclegan_tf.neural_style.objective import Objective, gram_matrices, to_pixels
from cyclegan_tf.neural_style.options import StyleOptions


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


def stylize(
    content: np.ndarray | None,
    styles: Sequence[np.ndarray],
    backbone: Backbone,
    options: StyleOptions = StyleOptions(),
    *,
    init: str | np.ndarray = "noise",
    style_targets: Mapping[str, tf.Tensor] | None = None,
    on_iteration: Callable[[Progress], None] | None = None,
) -> np.ndarray:
    """Paints a picture's content in the style of others, or a texture like theirs.

    Args:
        content: uint8 `(height, width, 3)`; None for a texture.
        styles: Pictures of the same kind, of any sizes; none where `style_targets` are given.
        backbone: Computes features.
        options: What is painted towards, and how.
        init: `noise`, `content`, or a picture to start from.
        style_targets: Gram matrices by layer, instead of those of `styles`.
        on_iteration: Is told of each iteration.

    Returns:
        uint8 `(height, width, 3)`; without `image_size` as large as the content, for a texture as
        the first style.

    Raises:
        UserError: If something needed is missing, or a value out of bounds.
    """
    options.validate()
    _check_pictures(content, styles, style_targets, init)
    content_layers, style_layers = options.content_weights, options.style_weights
    check_layers(backbone.name, [*content_layers, *style_layers])
    frame = styles[0] if content is None else content
    longer = max(frame.shape[:2]) if options.image_size is None else options.image_size
    rng, image, state = np.random.default_rng(options.seed), None, None
    done = 0
    for scale in range(options.scales):
        side = max(1, round(longer / 2 ** ((options.scales - 1 - scale) / 2)))
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
                [resize(style, max(1, round(side * options.style_scale))) for style in styles],
                list(style_layers),
                options.shares,
            ),
            options,
        )
        share = options.iterations * (scale + 1) // options.scales - done
        follow = _Follower(options.average, done, options.iterations, on_iteration)
        if options.optimizer == "lbfgs":
            last = optimize.lbfgs(objective.compiled(), image, share, follow)
        else:
            state = (
                optimize.AdamState.zeros(image) if state is None else state.resized(height, width)
            )
            last = optimize.adam(
                objective.compiled(), image, share, follow, state, options.learning_rate
            )
        image = last if follow.average is None else follow.average
        done += share
    painted = to_picture(image)
    if options.original_colours:
        return with_colours_of(resize(frame, longer), painted)
    return painted


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
