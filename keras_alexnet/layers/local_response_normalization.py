"""The layer of local response normalisation (paper, section 3.3)."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from keras_alexnet.ops import LRN, local_response_normalization
from keras_alexnet.ops.dispatch import check_kernels
from keras_alexnet.whole_numbers import whole_number


@keras.saving.register_keras_serializable(package="keras_alexnet")
class LocalResponseNormalization(keras.layers.Layer):
    """Divides every activity by a power of its neighbours' energy.

    `y[…, f] = x[…, f] · (k + a · Σ_g x[…, g]²)^(−beta)`, g over the `size` maps
    around f within f's own tower, a = `alpha` or `alpha / size`.

    The defaults are the paper's text. Three conventions are in use, and they are a
    factor of 5 apart: the paper and `tf.nn` do not divide alpha by the size, the
    2012 source, Caffe and PyTorch do; `tf.nn` takes a radius (2), not a size (5).

    Sums and powers are computed in float32 under every dtype policy (float64 in
    float64).

    Args:
        size: Width of the window in maps, at least 1.
        k: Additive constant.
        alpha: Factor of the sum of squares.
        beta: Exponent.
        alpha_mode: `"sum"` (alpha times the sum) or `"mean"` (alpha / size times).
        towers: Number of equal groups of channels that do not see each other: 2
            for a packed tensor of the two-tower network.
        kernels: `"auto"`, `"native"` or `"composite"`.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, …, channels)`.

    Output shape:
        The input's.

    Returns:
        A tensor of the shape and compute type of the input.

    Raises:
        ValueError: If a constant is out of range, or `towers` does not divide the
            channels.

    Example:

    >>> layer = LocalResponseNormalization(towers=2)
    >>> tuple(layer(tf.ones([2, 27, 27, 256])).shape)
    (2, 27, 27, 256)

    Reference:
        - Krizhevsky et al. 2012, section 3.3.
    """

    def __init__(
        self,
        size: int = 5,
        k: float = 2.0,
        alpha: float = 1e-4,
        beta: float = 0.75,
        alpha_mode: str = "sum",
        towers: int = 1,
        kernels: str = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.lrn = LRN(size, k, alpha, beta, alpha_mode)
        self.towers = whole_number("towers", towers)
        self.kernels = check_kernels(kernels)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return local_response_normalization(
            inputs,
            **dataclasses.asdict(self.lrn),
            towers=self.towers,
            kernels=self.kernels,
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        if input_shape[-1] is not None and input_shape[-1] % self.towers:
            raise ValueError(
                "towers must divide the number of channels. Received: "
                f"towers={self.towers}, input_shape={tuple(input_shape)}"
            )
        return input_shape

    def get_config(self) -> dict[str, Any]:
        own = {"towers": self.towers, "kernels": self.kernels}
        return {**super().get_config(), **dataclasses.asdict(self.lrn), **own}
