"""How far a network looks: what a pixel of its output can depend on."""

import keras

from cyclegan_tf.errors import UserError
from cyclegan_tf.models.autoencoders import LabelMap, MaxPoolingWithIndices2D, MaxUnpooling2D
from cyclegan_tf.models.layers import Blend, Dropout, ReflectionPadding2D, RequireMultiple
from cyclegan_tf.models.normalization import InstanceNormalization

# Layers whose every output pixel depends on one pixel, or, as padding, moves pixels only.
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
    """Bounds how many pixels away an output pixel still depends on the input.

    The bound is that of the longest way through all layers, in one line. Means over the whole
    picture, as a norm may take them, do not count: see `models.statistics`.

    Args:
        network: A functional model that gives pictures of the size it gets.

    Returns:
        Pixels, in each direction.

    Raises:
        UserError: If the network has a layer of which this cannot be said, or dropout that
            stays on when it is not trained, which draws by places in the picture.
    """
    radius, pitch = 0, 1.0  # The pitch is how many pixels of the input a step in a layer is.
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
                f"{network.name} has dropout that stays on, which cannot be translated in tiles; "
                "give `eval_mode`, or `tile=0` to translate pictures whole"
            )
        elif not isinstance(layer, (*_POINTWISE, Dropout)):
            raise UserError(
                f"{network.name} has a layer {layer.name} of kind {type(layer).__name__}, which "
                "cannot be translated in tiles; give `tile=0` to translate pictures whole"
            )
    return radius
