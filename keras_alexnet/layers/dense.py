"""A dense layer: `fc6`, `fc7` and `fc8` of the paper."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_alexnet.ops.dense import dense
from keras_alexnet.ops.dispatch import check_kernels
from keras_alexnet.whole_numbers import LARGEST_OF_OPS, whole_number


# Keras names layers in `.weights.h5` after their class: with this name the files are
# those of `keras.layers.Dense`.
@keras.saving.register_keras_serializable(package="keras_alexnet")
class Dense(keras.layers.Dense):
    """`keras.layers.Dense` that is fast for few pictures, and in training on a CPU.

    `y[n, o] = activation(Σ_i x[n, i] · kernel[i, o] + bias[o])`

    Weights, their shapes and files are those of `keras.layers.Dense`; the products
    are those of `keras_alexnet.ops.dense`. Inputs of more than two axes, and sparse
    and ragged ones, take Keras' own call, as a quantised layer does.

    Args:
        units: Number of outputs.
        kernels: `"auto"`, `"native"` or `"composite"`.
        **kwargs: All other arguments of `keras.layers.Dense`: `activation`,
            `use_bias`, …

    Input shape:
        `(batch, …, in)`.

    Output shape:
        `(batch, …, units)`.

    Returns:
        The activations, in the layer's compute type.

    Raises:
        ValueError: If an argument is out of range.

    Example:

    >>> layer = Dense(10, activation="softmax")
    >>> tuple(layer(tf.ones([2, 4096])).shape)
    (2, 10)

    Reference:
        - Krizhevsky et al. 2012, section 3.5.
    """

    def __init__(self, units: int, kernels: str = "auto", **kwargs: Any) -> None:
        super().__init__(whole_number("units", units, most=LARGEST_OF_OPS), **kwargs)
        self.kernels = check_kernels(kernels)

    # Keras 3 passes `training` to the call of a quantised layer if this one has it.
    def call(self, inputs: Any, training: bool | None = None) -> tf.Tensor:
        if not isinstance(inputs, tf.Tensor) or inputs.shape.rank != 2:
            return super().call(inputs)
        if not inputs.dtype.is_floating:  # Keras casts floating-point inputs alone
            inputs = tf.cast(inputs, self.compute_dtype)
        y = dense(
            inputs,
            tf.cast(self.kernel, inputs.dtype),
            tf.cast(self.bias, inputs.dtype) if self.use_bias else None,
            self.kernels,
        )
        return y if self.activation is None else self.activation(y)

    def quantize(
        self, mode: Any = None, type_check: bool = True, **kwargs: Any
    ) -> None:
        """Quantises the kernel, as `keras.layers.Dense` of Keras 3 does."""
        # Keras refuses what is derived from its layer, which may compute something
        # else. This class does not.
        checked = type_check and type(self) is not Dense
        super().quantize(mode, type_check=checked, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernels": self.kernels}
