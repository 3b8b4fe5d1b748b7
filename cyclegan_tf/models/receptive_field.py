"""The receptive field of a network."""

import keras

from cyclegan_tf.errors import UserError
from cyclegan_tf.models.autoencoders import LabelMap, MaxPoolingWithIndices2D, MaxUnpooling2D
from cyclegan_tf.models.layers import Blend, Dropout, ReflectionPadding2D, RequireMultiple
from cyclegan_tf.models.normalization import InstanceNormalization

# Layers whose output pixels each depend on one input pixel; padding only moves pixels.
_POINTWISE = (
    keras.layers.InputLayer,
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.BatchNormalization,
    keras.layers.Concatenate,
    keras.layers.LeakyReLU,
    keras.layers.ReLU,
    Blend,
    InstanceNormalization,
    LabelMap,
    ReflectionPadding2D,
    RequireMultiple,
)


def receptive_radius(network: keras.Model) -> int:
    """Compute an upper bound of the receptive field's radius.

    The bound assumes that all layers follow one another. Means over the whole image, as in
    instance norm, do not count: see `models.statistics`.

    Args:
        network: A functional model whose output has the size of its input.

    Returns:
        Radius in pixels, in each direction.

    Raises:
        UserError: If the network has an unsupported layer, or keeps dropout active at inference,
            which depends on the position in the image.
    """
    radius, pitch = 0, 1.0  # The pitch is the number of input pixels per step in a layer.
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2DTranspose):
            pitch /= layer.strides[0]
            radius += int(pitch * (max(layer.kernel_size) - 1))
        elif isinstance(layer, keras.layers.Conv2D):
            radius += int(pitch * (max(layer.kernel_size) // 2 * max(layer.dilation_rate)))
            pitch *= layer.strides[0]
        elif isinstance(layer, MaxPoolingWithIndices2D):
            radius += int(pitch)
            pitch *= 2
        elif isinstance(layer, MaxUnpooling2D | keras.layers.UpSampling2D):
            pitch /= 2
            radius += int(pitch)
        elif isinstance(layer, Dropout) and layer.always:
            raise UserError(
                f"{network.name} keeps dropout active at inference, which tiles do not support; "
                "set `eval_mode`, or `tile=0` to translate images as a whole"
            )
        elif not isinstance(layer, (*_POINTWISE, Dropout)):
            raise UserError(
                f"{network.name} has a layer {layer.name} of kind {type(layer).__name__}, which "
                "tiles do not support; set `tile=0` to translate images as a whole"
            )
    return radius
