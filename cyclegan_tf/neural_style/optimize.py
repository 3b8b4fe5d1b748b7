"""Optimizers for a function of one image: Adam, and SciPy's L-BFGS."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import scipy.optimize
import tensorflow as tf
from threadpoolctl import threadpool_limits

# From an image, float32 `(1, height, width, 3)`, to the objective, its terms, and its gradient.
Evaluate = Callable[[tf.Tensor], tuple[tf.Tensor, Mapping[str, tf.Tensor], tf.Tensor]]
# Called after each iteration with the image and the last computed terms of the objective.
AfterIteration = Callable[[tf.Tensor, Mapping[str, float]], None]


@dataclass
class AdamState:
    """The state of Adam: running means of the gradients and of their squares.

    Attributes:
        mean: float32, of the image's shape.
        square: Likewise, not negative.
        steps: Number of gradients so far.
    """

    mean: tf.Tensor
    square: tf.Tensor
    steps: int = 0

    @classmethod
    def zeros(cls, image: tf.Tensor) -> "AdamState":
        """Return the state before the first step."""
        return cls(tf.zeros_like(image), tf.zeros_like(image))

    def resized(self, height: int, width: int) -> "AdamState":
        """Return the state resized to another size in pixels, for an image pyramid."""
        mean, square = (
            tf.image.resize(moment, (height, width), "bilinear")
            for moment in (self.mean, self.square)
        )
        return AdamState(mean, square, self.steps)


def adam(
    evaluate: Evaluate,
    image: tf.Tensor,
    iterations: int,
    after: AfterIteration,
    state: AdamState,
    learning_rate: float = 10.0,
) -> tf.Tensor:
    """Minimize with Adam, with betas of 0.9 and 0.999 and an epsilon of 1e-8.

    Keras' Adam is not used because the state must be resized together with the image.

    Args:
        evaluate: The objective.
        image: Initial image, float32 `(1, height, width, 3)`.
        iterations: Number of steps.
        after: Called after each step.
        state: State from earlier steps; updated in place.
        learning_rate: Learning rate, on the 0-255 scale of pixels.

    Returns:
        The last image.

    Reference:
        Kingma and Ba, https://arxiv.org/abs/1412.6980, algorithm 1
    """
    for _ in range(iterations):
        _, losses, gradient = evaluate(image)
        state.steps += 1
        state.mean = 0.9 * state.mean + 0.1 * gradient
        state.square = 0.999 * state.square + 0.001 * tf.square(gradient)
        mean = state.mean / (1.0 - 0.9**state.steps)
        square = state.square / (1.0 - 0.999**state.steps)
        image = image - learning_rate * mean / (tf.sqrt(square) + 1e-8)
        after(image, {name: float(value) for name, value in losses.items()})
    return image


def lbfgs(
    evaluate: Evaluate,
    image: tf.Tensor,
    iterations: int,
    after: AfterIteration,
    corrections: int = 10,
) -> tf.Tensor:
    """Minimize with SciPy's L-BFGS, with a line search if a step does not decrease the objective.

    Args:
        evaluate: The objective.
        image: Initial image, float32 `(1, height, width, 3)`.
        iterations: Maximum number of steps; it ends early if no step decreases the objective.
        after: Called after each step.
        corrections: Number of stored corrections, each 16 bytes per value of the image.

    Returns:
        The last image.

    Reference:
        Byrd et al., https://doi.org/10.1137/0916069
    """
    shape, seen = image.shape, {}

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        total, losses, gradient = evaluate(tf.constant(flat.reshape(shape), tf.float32))
        seen["losses"] = {name: float(value) for name, value in losses.items()}
        return float(total), gradient.numpy().ravel().astype(np.float64)

    taken = 0

    def callback(flat: np.ndarray) -> None:
        nonlocal taken
        taken += 1
        after(tf.constant(flat.reshape(shape), tf.float32), seen["losses"])

    flat = image.numpy().ravel().astype(np.float64)
    while taken < iterations:
        before = taken
        options = {
            "maxiter": iterations - taken,
            "maxfun": 25 * iterations,
            "maxcor": corrections,
            # Only the number of steps ends it, not a small decrease or gradient.
            "ftol": 0.0,
            "gtol": 0.0,
        }
        # The BLAS threads of SciPy would compete with TensorFlow's for the cores.
        with threadpool_limits(1, user_api="blas"):
            found = scipy.optimize.minimize(
                objective, flat, jac=True, method="L-BFGS-B", callback=callback, options=options
            )
        flat = found.x
        # In float32 a line search can fail with stale corrections: restart without them.
        if taken == before:
            break
    return tf.constant(flat.reshape(shape), tf.float32)
