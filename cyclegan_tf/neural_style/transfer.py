"""Style transfer and texture synthesis by optimizing an image.

Reference:
    Gatys et al., https://arxiv.org/abs/1508.06576; defaults of jcjohnson/neural-style. The image
    pyramid, its carried-over Adam state and the averaged iterates follow
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
    """The progress of a run after an iteration.

    Attributes:
        iteration: Number of the iteration from 1, over all scales.
        iterations: Total iterations.
        losses: The weighted terms of the objective by name, such as `style relu1_1`.
        pixels: The image, float32 `(1, height, width, 3)`, roughly in [0, 255].
    """

    iteration: int
    iterations: int
    losses: Mapping[str, float]
    pixels: tf.Tensor

    @property
    def image(self) -> np.ndarray:
        """The image, uint8 `(height, width, 3)`."""
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
    """Render the content of an image in the style of others, or synthesize a texture.

    Args:
        content: Content image, uint8 `(height, width, 3)`; None for a texture.
        styles: Style images, likewise, of any sizes; may be empty with `style_targets`.
        backbone: Computes features.
        options: Objective and optimizer.
        init: `noise`, `content`, or an image to start from, uint8 `(height, width, 3)`.
        style_targets: Gram matrices by layer, used instead of `styles`.
        on_iteration: Called after each iteration.

    Returns:
        The image, uint8 `(height, width, 3)`; without `image_size` of the content's size, or for a
        texture of the first style's.

    Raises:
        UserError: If an image is missing or an option is out of range.
    """
    options.validate()
    _check_images(content, styles, style_targets, init)
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
    """Keeps a moving average of the images, with Adam's bias correction, and reports progress."""

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
        resized = Image.fromarray(init).resize(framed.shape[1::-1], Image.Resampling.LANCZOS)
        return to_pixels(np.asarray(resized))
    if init == "content":
        return to_pixels(framed)
    # As in jcjohnson/neural-style: the mean colour, with just enough noise to break ties.
    noise = 0.001 * rng.standard_normal((1, *framed.shape))
    return tf.constant(MEAN_COLOUR + noise, tf.float32)


def with_colours_of(content: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """Combine the colours of one image with the lightness of another of the same size.

    Args:
        content: Provides the colours (Cb, Cr), uint8 `(height, width, 3)`.
        painted: Provides the lightness (Y), likewise.

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
    """Convert float32 `(1, height, width, 3)` to uint8 `(height, width, 3)`, with clipping."""
    return tf.cast(tf.round(tf.clip_by_value(pixels[0], 0.0, 255.0)), tf.uint8).numpy()


def _check_images(
    content: np.ndarray | None,
    styles: Sequence[np.ndarray],
    style_targets: Mapping[str, tf.Tensor] | None,
    init: str | np.ndarray,
) -> None:
    if not styles and (style_targets is None or content is None):
        raise UserError("missing style: give one or more style images")
    starts = ("noise",) if content is None else ("noise", "content")
    if isinstance(init, str) and init not in starts:
        raise UserError(f"init={init}: expected an image or {' or '.join(starts)}")
