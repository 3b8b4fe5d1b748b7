"""Encoder-decoder networks without skip connections, for reconstruction and segmentation."""

from typing import Any

import keras
import tensorflow as tf

from cyclegan_tf.images.images import to_float
from cyclegan_tf.models.blocks import Blocks, leaky_relu, relu
from cyclegan_tf.models.layers import RequireMultiple

HALVINGS = 4


def encoder_decoder(
    in_channels: int = 3,
    out_channels: int = 3,
    filters: int = 64,
    bottleneck: int | None = None,
    labels: bool = False,
    name: str = "encoder_decoder",
    **style: Any,
) -> keras.Model:
    """Build an autoencoder without skip connections.

    Four strided convolutions reduce the image to a sixteenth of its side. A linear 1x1 convolution
    outputs the code of `bottleneck * height / 16 * width / 16` values, from which the decoder
    renders the image. Kernels, activations and widths follow pix2pix's U-Net.

    Args:
        in_channels: Channels of the input domain.
        out_channels: Channels of the output domain, or with `labels` the number of classes.
        filters: Channels of the first layer; the width doubles up to 8 times that.
        bottleneck: Channels of the code; None uses `8 * filters`, as in the previous layer.
        labels: Whether to output class logits instead of an image.
        name: Name of the model.
        **style: Norm, kernel initialization and so on, see `Blocks`.

    Returns:
        A model from float `(batch, height, width, in_channels)` in [-1, 1] to float32
        `(batch, height, width, out_channels)`, in [-1, 1] unless `labels`. Height and
        width can be any multiples of 16.

    Raises:
        ValueError: If a style option is unknown.

    Reference:
        Hinton and Salakhutdinov, https://doi.org/10.1126/science.1127647; convolutional, and in
        this form the baseline of Isola et al., https://arxiv.org/abs/1611.07004, section 4.2
    """
    add = Blocks(**style)
    widths = _widths(filters)
    image = keras.Input((None, None, in_channels), name="image")
    x = RequireMultiple(2**HALVINGS, name="size")(image)
    for level, width in enumerate(widths, start=1):
        stage = f"down_{level}"
        bias = _bias(add) or level == 1
        x = add.convolution(x, width, 4, stage, stride=2, zeros=1, use_bias=bias)
        x = add.normalized(x, stage) if level > 1 else x
        x = leaky_relu(x, stage)
    x = add.convolution(x, bottleneck or widths[-1], 1, "code")
    for level in range(HALVINGS, 1, -1):
        x = add.enlarged(x, widths[level - 2], 4, f"up_{level}", use_bias=_bias(add))
        x = relu(add.normalized(x, f"up_{level}"), f"up_{level}")
    x = add.enlarged(x, out_channels, 4, "up_1")
    return keras.Model(image, _head(x, labels), name=name)


def segnet(
    in_channels: int = 3,
    out_channels: int = 3,
    filters: int = 64,
    labels: bool = False,
    name: str = "segnet",
    **style: Any,
) -> keras.Model:
    """Build a SegNet: an autoencoder that unpools with the indices of its max pooling.

    The encoder has four stages, each of two 3x3 convolutions and a max pooling. The decoder uses
    the pooling indices to put values back where they came from, which keeps outlines sharp.
    Differs from the paper, whose network is as deep as VGG-16 with five stages: this one is
    meant for small images.

    Args:
        in_channels: Channels of the input domain.
        out_channels: Channels of the output domain, or with `labels` the number of classes.
        filters: Channels of the first stage; the width doubles up to 8 times that.
        labels: Whether to output class logits instead of an image.
        name: Name of the model.
        **style: Norm, kernel initialization and so on, see `Blocks`; `upsampling` has no effect.

    Returns:
        A model from float `(batch, height, width, in_channels)` in [-1, 1] to float32
        `(batch, height, width, out_channels)`, in [-1, 1] unless `labels`. Height and
        width can be any multiples of 16.

    Raises:
        ValueError: If a style option is unknown.

    Reference:
        Badrinarayanan et al., https://arxiv.org/abs/1511.00561
    """
    add = Blocks(**style)
    widths = _widths(filters)
    image = keras.Input((None, None, in_channels), name="image")
    x = RequireMultiple(2**HALVINGS, name="size")(image)
    places = []
    for level, width in enumerate(widths, start=1):
        x = _convolved(add, x, width, f"down_{level}_1")
        x = _convolved(add, x, width, f"down_{level}_2")
        x, indices = MaxPoolingWithIndices2D(name=f"down_{level}_pool")(x)
        places.append(indices)
    for level in range(HALVINGS, 0, -1):
        x = MaxUnpooling2D(name=f"up_{level}_unpool")([x, places[level - 1]])
        x = _convolved(add, x, widths[level - 1], f"up_{level}_1")
        if level > 1:
            x = _convolved(add, x, widths[level - 2], f"up_{level}_2")
    x = add.convolution(x, out_channels, 3, "head", zeros=1)
    return keras.Model(image, _head(x, labels), name=name)


def label_maps(network: keras.Model) -> keras.Model:
    """Wrap a network, with the same weights, so that it outputs the most likely class.

    Args:
        network: Outputs logits, float `(batch, height, width, classes)`, at most 256 classes.

    Returns:
        A model that outputs float32 `(batch, height, width, 1)` in [-1, 1], an image that
        `to_uint8` converts to class indices.
    """
    return keras.Model(network.input, LabelMap(name="labels")(network.output), name=network.name)


@keras.saving.register_keras_serializable("cyclegan_tf")
class LabelMap(keras.layers.Layer):
    """Converts logits to an image whose grey levels, as uint8, are the most likely class indices.

    Input:
        Float `(batch, height, width, classes)`.

    Output:
        float32 `(batch, height, width, 1)` in [-1, 1].
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return to_float(tf.argmax(inputs, axis=-1)[..., tf.newaxis])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], 1)


@keras.saving.register_keras_serializable("cyclegan_tf")
class MaxPoolingWithIndices2D(keras.layers.Layer):
    """Max-pools 2x2 pixels and also returns the index of each maximum.

    TensorFlow's `max_pool_with_argmax` returns indices into the flattened batch, has no matching
    unpooling, and does not specify which of several equal maxima it returns.

    Input:
        Float `(batch, height, width, channels)`, height and width even.

    Outputs:
        The maxima, `(batch, height / 2, width / 2, channels)`, in the input's dtype; and
        int32 indices of the same shape in [0, 3]: `2 * row + column` within the 2x2 pixels, of the
        first of equal maxima.

    Raises:
        tf.errors.InvalidArgumentError: At run time, if a side is odd.
    """

    def call(self, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        channels, (batch, height, width) = inputs.shape[-1], tf.unstack(tf.shape(inputs)[:3])
        squares = tf.reshape(inputs, [batch, height // 2, 2, width // 2, 2, channels])
        squares = tf.transpose(squares, [0, 1, 3, 2, 4, 5])
        squares = tf.reshape(squares, [batch, height // 2, width // 2, 4, channels])
        largest = tf.reduce_max(squares, axis=3, keepdims=True)
        index = tf.reshape(tf.range(4), [4, 1])
        indices = tf.reduce_min(tf.where(squares == largest, index, 4), axis=3)
        # A sum, because the gradient of `largest` would be split between equal maxima.
        return tf.reduce_sum(squares * _chosen(indices, squares.dtype), axis=3), indices


@keras.saving.register_keras_serializable("cyclegan_tf")
class MaxUnpooling2D(keras.layers.Layer):
    """Doubles height and width, placing each value where its pooling index points.

    Inputs:
        `[values, indices]`: float and int32 `(batch, height, width, channels)`, the indices
        from `MaxPoolingWithIndices2D`.

    Output:
        `(batch, 2 * height, 2 * width, channels)` in the values' dtype, 0 elsewhere.
    """

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        values, indices = inputs
        channels, (batch, height, width) = values.shape[-1], tf.unstack(tf.shape(values)[:3])
        squares = values[:, :, :, tf.newaxis] * _chosen(indices, values.dtype)
        squares = tf.reshape(squares, [batch, height, width, 2, 2, channels])
        squares = tf.transpose(squares, [0, 1, 3, 2, 4, 5])
        return tf.reshape(squares, [batch, 2 * height, 2 * width, channels])


def _chosen(indices: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    return tf.one_hot(indices, 4, axis=3, dtype=dtype)


def _widths(filters: int) -> list[int]:
    return [filters * 2**level for level in range(HALVINGS)]


def _bias(add: Blocks) -> bool:
    # Batch norm adds its own offset.
    return add.norm != "batch"


def _convolved(add: Blocks, x: tf.Tensor, channels: int, name: str) -> tf.Tensor:
    x = add.convolution(x, channels, 3, name, zeros=1, use_bias=_bias(add))
    return relu(add.normalized(x, name), name)


def _head(x: tf.Tensor, labels: bool) -> tf.Tensor:
    kind, name = ("linear", "head_logits") if labels else ("tanh", "head_tanh")
    return keras.layers.Activation(kind, name=name, dtype="float32")(x)
