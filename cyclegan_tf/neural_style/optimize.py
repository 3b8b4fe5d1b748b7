"""Minimizing a function of one picture: Adam, and SciPy's L-BFGS."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import scipy.optimize
import tensorflow as tf
from threadpoolctl import threadpool_limits

# The objective, its parts by name, and its gradient, at a picture float32 `(1, height, width, 3)`.
Evaluate = Callable[[tf.Tensor], tuple[tf.Tensor, Mapping[str, tf.Tensor], tf.Tensor]]
# Told after each iteration: the picture, and the parts of the objective when last computed.
AfterIteration = Callable[[tf.Tensor, Mapping[str, float]], None]


@dataclass
class AdamState:
    """What Adam remembers of gradients: running means of them and of their squares.

    Attributes:
        mean: float32, of the picture's shape.
        square: Likewise, not negative.
        steps: How many gradients there were.
    """

    mean: tf.Tensor
    square: tf.Tensor
    steps: int = 0

    @classmethod
    def zeros(cls, image: tf.Tensor) -> "AdamState":
        """Returns the state before the first step."""
        return cls(tf.zeros_like(image), tf.zeros_like(image))

    def resized(self, height: int, width: int) -> "AdamState":
        """Returns the state for the same picture in another size, for a pyramid."""
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
    """Minimizes by Adam, with betas of 0.9 and 0.999 and an epsilon of 1e-8.

    It is written out because its state is carried from one size of the picture to the next.

    Args:
        evaluate: The objective.
        image: Where to start, float32 `(1, height, width, 3)`.
        iterations: Steps to take.
        after: Is told of each step.
        state: Of earlier steps; it is brought up to date.
        learning_rate: On the scale of the picture.

    Returns:
        The last picture.

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
    """Minimizes by SciPy's L-BFGS, which takes line searches where a step does not go down.

    Args:
        evaluate: The objective.
        image: Where to start, float32 `(1, height, width, 3)`.
        iterations: Steps to take at most; where none goes further down, it ends earlier.
        after: Is told of each step.
        corrections: Steps remembered, each of which takes 16 bytes for each number of the picture.

    Returns:
        The last picture.

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
            # Steps are counted; neither a small one nor a small gradient is an end.
            "ftol": 0.0,
            "gtol": 0.0,
        }
        # The threads of SciPy's linear algebra would fight with TensorFlow's for the cores.
        with threadpool_limits(1, user_api="blas"):
            found = scipy.optimize.minimize(
                objective, flat, jac=True, method="L-BFGS-B", callback=callback, options=options
            )
        flat = found.x
        # In float32 a line search can fail along stale corrections; without them it may not.
        if taken == before:
            break
    return tf.constant(flat.reshape(shape), tf.float32)
