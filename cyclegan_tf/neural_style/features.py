"""VGG features of an image, computed up to the last requested layer."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from cyclegan_tf.errors import UserError

# Convolutions in each block. Simonyan and Zisserman, https://arxiv.org/abs/1409.1556.
BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
_POOLS: dict[str, Any] = {"max": tf.nn.max_pool2d, "average": tf.nn.avg_pool2d}
# Mean red, green and blue of ImageNet, which VGG's training subtracted.
MEAN_COLOUR = np.array([123.68, 116.779, 103.939], np.float32)


class Backbone:
    """A VGG without its classifier.

    Args:
        name: A key of `BLOCKS`.
        weights: Kernels and biases by the names of Keras' VGG layers: `block1_conv1/kernel`, float
            `(3, 3, channels, channels out)`, input channels in the order blue, green, red; and
            `block1_conv1/bias`, `(channels out,)`.
        pooling: `max`, as in training, or `average`, which Gatys et al. found smoother.

    Raises:
        UserError: If a weight is missing or has another shape.
    """

    def __init__(self, name: str, weights: Mapping[str, np.ndarray], pooling: str = "max") -> None:
        self.name, self.pooling = name, pooling
        self._kernels = {}
        for layer, shape in kernel_shapes(name).items():
            kernel, bias = (weights.get(f"{layer}/{part}") for part in ("kernel", "bias"))
            found = [getattr(weight, "shape", None) for weight in (kernel, bias)]
            if found != [shape, shape[-1:]]:
                raise UserError(
                    f"not the weights of {name}: {layer} has kernel and bias of shapes "
                    f"{found[0]} and {found[1]}, expected {shape} and {shape[-1:]}"
                )
            self._kernels[layer] = tuple(np.asarray(w, np.float32) for w in (kernel, bias))
        first = next(iter(self._kernels))
        kernel, bias = self._kernels[first]
        # Reorders the input channels to red, green, blue, as in images.
        self._kernels[first] = kernel[:, :, ::-1], bias

    def __call__(self, image: tf.Tensor, layers: Iterable[str]) -> dict[str, tf.Tensor]:
        """Compute the features of some layers.

        Args:
            image: float32 `(1, height, width, 3)`, red, green, blue in [0, 255].
            layers: Layer names such as `relu4_2`: block and convolution, after its ReLU.

        Returns:
            Features by layer, float32 `(1, height / 2^(block - 1), width / 2^(block - 1),
            channels)`, sides rounded down.

        Raises:
            UserError: If a layer is unknown, or the image is too small for it.
        """
        wanted = set(layers)
        check_layers(self.name, wanted)
        features: dict[str, tf.Tensor] = {}
        x = image - MEAN_COLOUR
        for block, count in enumerate(BLOCKS[self.name], 1):
            if features.keys() == wanted:
                break
            if block > 1:
                x = self._pooled(x)
            for number in range(1, count + 1):
                kernel, bias = self._kernels[f"block{block}_conv{number}"]
                x = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME"), bias))
                name = f"relu{block}_{number}"
                if name in wanted:
                    features[name] = x
                if features.keys() == wanted:
                    break
        return features

    def _pooled(self, x: tf.Tensor) -> tf.Tensor:
        if 1 in x.shape[1:3]:
            raise UserError("the image is too small for these layers; use lower ones")
        return _POOLS[self.pooling](x, 2, 2, "VALID")


def kernel_shapes(name: str) -> dict[str, tuple[int, int, int, int]]:
    """Return the kernel shapes of a VGG by layer, from the first layer on."""
    shapes, channels = {}, 3
    for block, count in enumerate(BLOCKS[name], 1):
        for number in range(1, count + 1):
            filters = min(64 * 2 ** (block - 1), 512)
            shapes[f"block{block}_conv{number}"] = (3, 3, channels, filters)
            channels = filters
    return shapes


def check_layers(name: str, layers: Iterable[str]) -> None:
    """Check that a VGG has these layers.

    Raises:
        UserError: If a layer is unknown.
    """
    known = [layer.replace("block", "relu").replace("conv", "") for layer in kernel_shapes(name)]
    unknown = sorted(set(layers) - set(known))
    if unknown:
        raise UserError(f"{name} has no layer {', '.join(unknown)}; choose from {', '.join(known)}")
