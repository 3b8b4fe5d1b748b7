"""Comparison of a trained model with methods that need no training, on the same images.

Every method is a function of an image. For each method, the comparison measures the time, the
error against the target if there is one, how well the content is preserved, and the similarity to
the other domain.
"""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from cyclegan_tf.evaluation.kid import kernel_distance
from cyclegan_tf.evaluation.truth import Figures, truth_figures
from cyclegan_tf.images.images import ImageFunction, to_float
from cyclegan_tf.neural_style.features import Backbone
from cyclegan_tf.neural_style.losses import gram_matrix
from cyclegan_tf.neural_style.objective import to_pixels
from cyclegan_tf.progress import progress_bar

INPUT, TRUTH = "input", "truth"
# Its mean over positions represents an image when sets of images are compared.
KID_LAYER = "relu5_1"


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison, by method; `input` is first, `truth` (if there is one) last.

    Attributes:
        pictures: Images, each uint8 `(height, width, 3)`.
        figures: `seconds` (median per image; not for `input` and `truth`). `content_distance`,
            `gram_distance` and, for at least three images, `kid` and `kid_standard_error` (see
            `Yardstick`). With targets, `mae`, `changed_mae` and `kept_mae` (see `truth_figures`),
            except for `truth` itself.
        complete: Whether all images were compared; False after an interruption.
    """

    pictures: dict[str, list[np.ndarray]]
    figures: dict[str, Figures]
    complete: bool = True


def compare(
    inputs: Sequence[np.ndarray],
    methods: Mapping[str, ImageFunction],
    targets: Iterable[np.ndarray],
    backbone: Backbone,
    content_layers: Sequence[str],
    style_layers: Sequence[str],
    truths: Sequence[np.ndarray] | None = None,
    progress: bool = True,
) -> Comparison:
    """Apply every method to each input, and measure the images.

    Args:
        inputs: Images, each uint8 `(height, width, 3)`.
        methods: Functions by name, from an input to an image of its size. After Ctrl-C, only
            inputs that all methods have finished are compared.
        targets: Test images of the other domain, each uint8 `(height, width, 3)`.
        backbone: Network whose features are compared.
        content_layers: Layers for the content distance, such as `relu4_2`.
        style_layers: Layers for the Gram distance.
        truths: The target of each input, if known.
        progress: Whether to show a progress bar.

    Raises:
        KeyboardInterrupt: After Ctrl-C before all methods have finished one input.
    """
    images: dict[str, list[np.ndarray]] = {name: [] for name in methods}
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    complete = True
    with progress_bar(
        total=len(inputs) * len(methods), desc="comparing", unit="image", shown=progress
    ) as bar:
        try:
            for image in inputs:
                for name, method in methods.items():
                    start = time.perf_counter()
                    images[name].append(method(image))
                    seconds[name].append(time.perf_counter() - start)
                    bar.update()
        except KeyboardInterrupt:
            complete = False
    count = min(map(len, images.values()))
    if not count:
        raise KeyboardInterrupt
    shown = slice(count)
    pictures = {INPUT: list(inputs[shown]), **{name: made[shown] for name, made in images.items()}}
    if truths is not None:
        pictures[TRUTH] = list(truths[shown])
    yardstick = Yardstick(backbone, pictures[INPUT], targets, content_layers, style_layers)
    figures = {
        name: yardstick.measure(found) | _errors(name, found, pictures)
        for name, found in pictures.items()
    }
    for name in methods:
        figures[name]["seconds"] = float(np.median(seconds[name][shown]))
    return Comparison(pictures, figures, complete)


def _errors(
    name: str, found: Sequence[np.ndarray], pictures: Mapping[str, Sequence[np.ndarray]]
) -> Figures:
    if TRUTH not in pictures or name == TRUTH:
        return {}
    tensors = (
        [to_float(p[np.newaxis]) for p in several]
        for several in (found, pictures[INPUT], pictures[TRUTH])
    )
    figures = truth_figures(*tensors)["translation"]
    return {kind: figures[kind] for kind in ("mae", "changed_mae", "kept_mae") if kind in figures}


class Yardstick:
    """Measures images by features of a backbone, relative to their inputs and the other domain.

    Args:
        backbone: Network that computes the features.
        inputs: The inputs of the methods, each uint8 `(height, width, 3)`.
        targets: At least one image of the other domain, each uint8 `(height, width, 3)`.
        content_layers: See `measure`.
        style_layers: See `measure`.
    """

    def __init__(
        self,
        backbone: Backbone,
        inputs: Iterable[np.ndarray],
        targets: Iterable[np.ndarray],
        content_layers: Sequence[str],
        style_layers: Sequence[str],
    ) -> None:
        self._content_layers, self._style_layers = list(content_layers), list(style_layers)
        layers = {*content_layers, *style_layers, KID_LAYER}

        @tf.function(reduce_retracing=True, autograph=False)
        def features(
            image: tf.Tensor,
        ) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor], tf.Tensor]:
            found = backbone(image, layers)
            return (
                {layer: found[layer] for layer in self._content_layers},
                {layer: gram_matrix(found[layer]) for layer in self._style_layers},
                tf.reduce_mean(found[KID_LAYER], axis=[0, 1, 2]),
            )

        self._features = features
        self._contents = [features(to_pixels(image))[0] for image in inputs]
        rows = []
        sums: dict[str, tf.Tensor] = dict.fromkeys(style_layers, 0.0)
        for target in targets:
            _, grams, row = features(to_pixels(target))
            sums = {layer: sums[layer] + grams[layer] for layer in sums}
            rows.append(row.numpy())
        self._grams = {layer: value / len(rows) for layer, value in sums.items()}
        # The kernel suits features with a mean square of about 1, like those of Inception.
        self._scale = np.sqrt(np.mean(np.square(rows, dtype=np.float64)))
        self._rows = np.array(rows) / self._scale

    def measure(self, pictures: Sequence[np.ndarray]) -> Figures:
        """Measure the results of a method.

        Args:
            pictures: One image per input and of its size, uint8 `(height, width, 3)`.

        Returns:
            - `content_distance`: the squared distance between the features of image and input,
              relative to the squared norm of the latter; mean over content layers and images.
            - `gram_distance`: the same for Gram matrices and their average over the targets.
            - `kid` and `kid_standard_error`, with at least three images on both sides: see
              `kernel_distance`. The features are those of `KID_LAYER`, averaged over positions
              and divided by the root mean square of the targets' features.
        """
        contents, styles, rows = [], [], []
        for image, expected in zip(pictures, self._contents, strict=True):
            content, grams, row = self._features(to_pixels(image))
            contents.append(_relative_distance(content, expected))
            styles.append(_relative_distance(grams, self._grams))
            rows.append(row.numpy())
        figures = {
            "content_distance": float(np.mean(contents)),
            "gram_distance": float(np.mean(styles)),
        }
        if min(len(rows), len(self._rows)) >= 3:
            kid, error = kernel_distance(np.array(rows) / self._scale, self._rows)
            figures |= {"kid": kid, "kid_standard_error": error}
        return figures


def _relative_distance(found: Mapping[str, tf.Tensor], expected: Mapping[str, tf.Tensor]) -> float:
    distances = [
        tf.nn.l2_loss(found[layer] - target) / tf.nn.l2_loss(target)
        for layer, target in expected.items()
    ]
    return float(tf.reduce_mean(distances))


@dataclass(frozen=True)
class Costs:
    """Costs of a trained model and of an optimization per image, in seconds.

    Attributes:
        training: Training time; None if unknown.
        training_device: Device of the training; None if unknown.
        preparation: Time of the optimization method before its first image.
        translating: Time per image with the trained model.
        painting: Time per image with the optimization method.
        device: Device of the last three measurements.
    """

    training: float | None
    training_device: str | None
    preparation: float
    translating: float
    painting: float
    device: str

    @property
    def break_even(self) -> int | None:
        """Number of images from which training is cheaper; None if never, or unknown."""
        if self.training is None or self.painting <= self.translating:
            return None
        saved = self.painting - self.translating
        return max(1, math.ceil((self.training - self.preparation) / saved))
