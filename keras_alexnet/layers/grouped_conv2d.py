"""Two-dimensional convolution in groups: the towers of the paper, side by side."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_alexnet.ops.convolution import grouped_conv2d
from keras_alexnet.whole_numbers import LARGEST_OF_OPS, pair, whole_number


@keras.saving.register_keras_serializable(package="keras_alexnet")
class GroupedConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` whose groups run, train and export everywhere.

    `y[…, f] = activation(bias[f] + Σ x[…, c] · kernel[…, c, f])`, where c runs over
    the channels of f's own group.

    Keras compiles a grouped convolution with XLA, in training and in the
    SavedModel; this layer does not (see `keras_alexnet.ops.grouped_conv2d`), and
    its exports hold stock ops that need neither XLA nor oneDNN. Weights and their
    shapes are those of `keras.layers.Conv2D`.

    Args:
        filters: Number of output channels; `groups` divides it.
        kernel_size: Size of the kernel, or one each for height and width.
        groups: Number of groups; divides filters and channels.
        **kwargs: All other arguments of `keras.layers.Conv2D`: `strides`,
            `padding`, `dilation_rate`, `activation`, `use_bias`, … Only
            `data_format="channels_last"` is supported.

    Input shape:
        `(batch, height, width, channels)`.

    Output shape:
        `(batch, new height, new width, filters)`.

    Returns:
        The activations, in the layer's compute type.

    Raises:
        ValueError: If a number is out of range, `groups` does not divide the filters
            or the channels, or `data_format` is `"channels_first"`.

    Example:

    >>> layer = GroupedConv2D(256, 5, groups=2, padding="same")
    >>> tuple(layer(tf.ones([1, 27, 27, 96])).shape)
    (1, 27, 27, 256)
    >>> tuple(layer.kernel.shape)
    (5, 5, 48, 256)

    Reference:
        - Krizhevsky et al. 2012, section 3.2 and figure 2.
    """

    def __init__(
        self, filters: int, kernel_size: Any, groups: int = 1, **kwargs: Any
    ) -> None:
        for name in ("strides", "dilation_rate"):
            if name in kwargs:
                kwargs[name] = pair(name, kwargs[name])
        super().__init__(
            whole_number("filters", filters, most=LARGEST_OF_OPS),
            pair("kernel_size", kernel_size),
            groups=whole_number("groups", groups, most=LARGEST_OF_OPS),
            **kwargs,
        )
        if self.data_format != "channels_last":
            raise ValueError(
                "GroupedConv2D supports data_format='channels_last' only. "
                f"Received: data_format={self.data_format!r}"
            )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        # Keras 2.15 wraps its own grouped call in XLA, so the call is ours too.
        y = grouped_conv2d(
            inputs,
            tf.cast(self.kernel, inputs.dtype),
            self.groups,
            self.strides,
            self.padding.upper(),
            self.dilation_rate,
            tf.cast(self.bias, inputs.dtype) if self.use_bias else None,
        )
        return y if self.activation is None else self.activation(y)
