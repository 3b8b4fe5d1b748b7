"""The objective of neural style: the features of one image, the Gram matrices of others."""

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from cyclegan_tf.errors import UserError
from cyclegan_tf.neural_style import losses, optimize
from cyclegan_tf.neural_style.features import Backbone
from cyclegan_tf.neural_style.options import StyleOptions


@dataclass(frozen=True)
class Objective:
    """The objective that an image minimizes: target features and target Gram matrices.

    Attributes:
        backbone: Computes features.
        content_targets: Target features by layer, `(1, height, width, channels)`.
        style_targets: Target Gram matrices by layer, `(channels, channels)`.
        options: Weights of terms and layers, and whether to normalize gradients.
    """

    backbone: Backbone
    content_targets: Mapping[str, tf.Tensor]
    style_targets: Mapping[str, tf.Tensor]
    options: StyleOptions

    def losses(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Compute the weighted loss terms by name.

        Args:
            image: float32 `(1, height, width, 3)` in [0, 255].

        Returns:
            Scalars: `content LAYER` and `style LAYER` for each layer, and `total variation`.
        """
        features = self.backbone(image, {*self.content_targets, *self.style_targets})
        options = self.options
        contents = self.content_targets, options.content_weights, options.content_weight
        styles = self.style_targets, options.style_weights, options.style_weight
        terms = {}
        for kind, loss, (targets, layers, weight) in (
            ("content", losses.content_loss, contents),
            ("style", losses.style_loss, styles),
        ):
            for layer, target in targets.items():
                terms[f"{kind} {layer}"] = self._term(
                    features[layer], target, loss, weight * layers[layer]
                )
        terms["total variation"] = options.tv_weight * losses.total_variation_loss(image)
        return terms

    def _term(
        self,
        features: tf.Tensor,
        target: tf.Tensor,
        loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
        weight: float,
    ) -> tf.Tensor:
        if not self.options.normalize_gradients:
            return weight * loss(features, target)
        value = loss(losses.with_normalized_gradient(features, weight), target)
        # The gradient already includes the weight.
        return value + tf.stop_gradient((weight - 1.0) * value)

    def compiled(self) -> optimize.Evaluate:
        """Return a compiled function from an image to objective, terms and gradient."""
        evaluate = _evaluation(self.backbone, self.options)
        return lambda image: evaluate(image, self.content_targets, self.style_targets)


@functools.lru_cache(maxsize=1)
def _evaluation(backbone: Backbone, options: StyleOptions) -> Callable[..., Any]:
    """Compile an objective with its targets as arguments, so that many images share it."""

    @tf.function(reduce_retracing=True, autograph=False)
    def evaluate(
        image: tf.Tensor, contents: Mapping[str, tf.Tensor], styles: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor], tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(image)
            terms = Objective(backbone, contents, styles, options).losses(image)
            total = tf.add_n(list(terms.values()))
        return total, terms, tape.gradient(total, image)

    return evaluate


def gram_matrices(
    backbone: Backbone,
    pictures: Iterable[np.ndarray],
    layers: Sequence[str],
    shares: Sequence[float] = (),
) -> dict[str, tf.Tensor]:
    """Average the Gram matrices of images: the style of one, of several, or of a collection.

    Args:
        backbone: Computes features.
        pictures: Images, uint8 `(height, width, 3)` each, of any sizes; at least one.
        layers: Layer names such as `relu1_1`.
        shares: Weight of each image, divided by their sum; equal weights if empty.

    Returns:
        Gram matrices by layer, float32 `(channels, channels)`.

    Raises:
        UserError: If the number of shares differs from the images, or they are negative or all 0.
    """

    if shares:
        pictures = list(pictures)
        _check_shares(shares, len(pictures))
    sums, total = dict.fromkeys(layers, 0.0), 0.0
    for image, share in zip(pictures, shares or itertools.repeat(1.0), strict=False):
        # Not compiled: a graph, used once per size, would hold several copies of the weights.
        found = backbone(to_pixels(image), layers)
        sums = {layer: sums[layer] + share * losses.gram_matrix(found[layer]) for layer in layers}
        total += share
    return {layer: value / total for layer, value in sums.items()}


def _check_shares(shares: Sequence[float], count: int) -> None:
    if len(shares) != count or min(shares) < 0 or not sum(shares) > 0:
        raise UserError(
            f"expected blend weights, one for each of the {count} styles, not negative and not all "
            f"0; received {', '.join(map(str, shares))}"
        )


def to_pixels(image: np.ndarray) -> tf.Tensor:
    """Convert uint8 `(height, width, 3)` to float32 `(1, height, width, 3)` in [0, 255]."""
    return tf.cast(image[np.newaxis], tf.float32)
