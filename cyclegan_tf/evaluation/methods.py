"""A trained model beside methods that need no training, on the same pictures.

Every method is a function of a picture; what each of them gives is measured alike: how long it
took, how near it comes to the truth where there is one, what it keeps of the content, and how
much it looks like the other domain.
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
# Its mean over positions stands for a picture where sets of pictures are compared.
KID_LAYER = "relu5_1"


@dataclass(frozen=True)
class Comparison:
    """What was found; by method, `input` first and, where there is one, `truth` last.

    Attributes:
        pictures: uint8 `(height, width, 3)` each.
        figures: `seconds` (median per picture; not for input and truth), `content_distance` and
            `gram_distance` (see `Yardstick`), `kid` and `kid_standard_error` (from three
            pictures on), and with truths, for all but them, `mae`, `changed_mae` and `kept_mae`
            (see `truth_figures`).
        complete: Whether all pictures were compared, and nobody stopped it.
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
    """Lets every method make its picture of each input, and measures what comes.

    Args:
        inputs: uint8 `(height, width, 3)` each.
        methods: By name, from an input to a picture of its size. Ctrl-C leaves out the pictures
            that not all methods have made.
        targets: Test pictures of the other domain, of the same kind.
        backbone: Whose features are compared.
        content_layers: For the content distance, such as `relu4_2`.
        style_layers: For the Gram distance.
        truths: What should come from each input, if that is known.
        progress: Whether to show a bar.

    Raises:
        KeyboardInterrupt: If there is not one picture that all methods have made.
    """
    made: dict[str, list[np.ndarray]] = {name: [] for name in methods}
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    complete = True
    with progress_bar(
        total=len(inputs) * len(methods), desc="comparing", unit="image", shown=progress
    ) as bar:
        try:
            for picture in inputs:
                for name, method in methods.items():
                    start = time.perf_counter()
                    made[name].append(method(picture))
                    seconds[name].append(time.perf_counter() - start)
                    bar.update()
        except KeyboardInterrupt:
            complete = False
    count = min(map(len, made.values()))
    if not count:
        raise KeyboardInterrupt
    shown = slice(count)
    pictures = {INPUT: list(inputs[shown]), **{name: found[shown] for name, found in made.items()}}
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
    """Measures pictures by a backbone's features, against the other domain and their inputs.

    Args:
        backbone: Computes features.
        inputs: What pictures are made of, uint8 `(height, width, 3)`.
        targets: Pictures of the other domain, uint8 `(height, width, 3)`; at least one.
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
        self._contents = [features(to_pixels(picture))[0] for picture in inputs]
        rows = []
        sums: dict[str, tf.Tensor] = dict.fromkeys(style_layers, 0.0)
        for target in targets:
            _, grams, row = features(to_pixels(target))
            sums = {layer: sums[layer] + grams[layer] for layer in sums}
            rows.append(row.numpy())
        self._grams = {layer: value / len(rows) for layer, value in sums.items()}
        # Features of an average square of 1, about as Inception's are, suit the kernel.
        self._scale = np.sqrt(np.mean(np.square(rows, dtype=np.float64)))
        self._rows = np.array(rows) / self._scale

    def measure(self, pictures: Sequence[np.ndarray]) -> Figures:
        """Measures what was made of the inputs.

        Args:
            pictures: uint8 `(height, width, 3)`, one for each input and of its size.

        Returns:
            Means over the pictures: `content_distance`, the squared distance of features to those
            of the input relative to the latter's square, mean over the content layers;
            `gram_distance`, likewise of Gram matrices to the average one of the targets; and,
            from three pictures on both sides, `kid` with `kid_standard_error` (see
            `kernel_distance`), of features of `KID_LAYER` averaged over positions and divided by
            the root of the targets' mean square.
        """
        contents, styles, rows = [], [], []
        for picture, expected in zip(pictures, self._contents, strict=True):
            content, grams, row = self._features(to_pixels(picture))
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
    """What a trained model and painting each picture cost, in seconds.

    Attributes:
        training: What training took; None if that is not known.
        training_device: What it took place on.
        preparation: What the painting method took before its first picture.
        translating: A picture of the trained model.
        painting: A picture of the other method.
        device: What the last three took place on.
    """

    training: float | None
    training_device: str | None
    preparation: float
    translating: float
    painting: float
    device: str

    @property
    def break_even(self) -> int | None:
        """From how many pictures on training has paid off; None if never, or not known."""
        if self.training is None or self.painting <= self.translating:
            return None
        saved = self.painting - self.translating
        return max(1, math.ceil((self.training - self.preparation) / saved))
