"""Averaging maps of any size to maps of one size."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet.whole_numbers import whole_number

_MOST = 2**15  # a map of this side and one channel takes 4 GB


@keras.saving.register_keras_serializable(package="keras_alexnet")
class AdaptiveAveragePooling2D(keras.layers.Layer):
    """Averages maps over `output_size` windows in each direction, which cover them.

    `y[i, j]` is the mean of `x` from row `⌊i·H/n⌋` to before row `⌈(i+1)·H/n⌉`, and of
    the columns likewise: windows overlap where n does not divide H, and repeat where
    H is below n.

    Args:
        output_size: n, the side of the maps that come out.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, height, width, channels)`, with known height and width.

    Output shape:
        `(batch, output_size, output_size, channels)`.

    Returns:
        The means, in the layer's compute type.

    Raises:
        ValueError: If `output_size` is no whole number from 1 to 32768, or height or
            width is unknown.

    Example:

    >>> layer = AdaptiveAveragePooling2D(2)
    >>> layer(tf.reshape(tf.range(9.0), [1, 3, 3, 1]))[0, :, :, 0].numpy()
    array([[2., 3.],
           [5., 6.]], dtype=float32)

    Reference:
        - `torch.nn.AdaptiveAvgPool2d`, which torchvision's AlexNet has before its
          first dense layer.
    """

    def __init__(self, output_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_size = whole_number("output_size", output_size, most=_MOST)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        rows, columns = (
            tf.constant(windows(side, self.output_size), inputs.dtype)
            for side in self._sides(inputs.shape)
        )
        return tf.einsum("ih,bhwc,jw->bijc", rows, inputs, columns)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        self._sides(input_shape)
        return (input_shape[0], self.output_size, self.output_size, input_shape[3])

    @staticmethod
    def _sides(shape: Any) -> tuple[int, int]:
        if len(shape) != 4 or shape[1] is None or shape[2] is None:
            raise ValueError(
                "inputs must be (batch, height, width, channels) of known height and "
                f"width. Received: input_shape={tuple(shape)}"
            )
        return shape[1], shape[2]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_size": self.output_size}


@functools.cache
def windows(side: int, count: int) -> np.ndarray:
    """`[count, side]`: the weight of each position in each window's mean."""
    positions, windows = np.arange(side), np.arange(count)[:, None]
    # ⌈n / c⌉ is −⌊−n / c⌋.
    from_first = positions >= windows * side // count
    inside = from_first & (positions < -(-(windows + 1) * side // count))
    return inside / inside.sum(axis=1, keepdims=True)
