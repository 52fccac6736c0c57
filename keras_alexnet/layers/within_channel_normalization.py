"""The layer of normalisation within a map: in the 2012 source, but in no paper."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from keras_alexnet.ops import WithinChannelLRN, within_channel_normalization


@keras.saving.register_keras_serializable(package="keras_alexnet")
class WithinChannelNormalization(keras.layers.Layer):
    """Divides every activity by a power of the energy around it in its own map.

    `y[p] = x[p] · (k + alpha / size² · Σ_q x[q]²)^(−beta)`, q over the window of side
    `size` around p, cut off at the edges of the map.

    The defaults are those of the released source, whose second layer has this after
    its local response normalisation. Sums and powers are computed in float32 under
    every dtype policy (float64 in float64).

    Args:
        size: Side of the window, odd.
        k: Additive constant.
        alpha: Factor of the mean of squares.
        beta: Exponent.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, height, width, channels)`.

    Output shape:
        The input's.

    Returns:
        A tensor of the shape and compute type of the input.

    Raises:
        ValueError: If a constant is out of range, or the input is not of rank 4.

    Example:

    >>> layer = WithinChannelNormalization()
    >>> tuple(layer(tf.ones([2, 27, 27, 256])).shape)
    (2, 27, 27, 256)

    Reference:
        - `cnorm2` of `layers-145.cfg` in the released source of 2012.
    """

    def __init__(
        self,
        size: int = 5,
        k: float = 1.0,
        alpha: float = 1e-3,
        beta: float = 0.75,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.lrn = WithinChannelLRN(size, k, alpha, beta)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return within_channel_normalization(inputs, **dataclasses.asdict(self.lrn))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **dataclasses.asdict(self.lrn)}
