"""Kernels in fewer bits: computed with as they are, or widened in each call."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet.half_precision import in_half_precision, is_quantised, layers_of
from keras_alexnet.weights.names import tensorflow_variable

PRECISIONS = ("float32", "bfloat16", "float16", "int8")
# Computed with as it is. CPUs that serve multiply bfloat16, but neither float16 nor
# int8 with the stock ops of TensorFlow's runtime.
_COMPUTED = "bfloat16"
_LARGEST = 127  # of int8; -128 stays unused, so that the range is symmetric


class _Kernel(NamedTuple):
    """A layer's kernel, and the attribute of the layer that holds it."""

    layer: keras.layers.Layer
    attribute: str
    weight: Any


class Weights(tf.Module):
    """The weights of a model as an export stores them.

    In `bfloat16` the layers compute with what is stored. In `float16` and `int8`
    kernels of convolutions and of dense layers are stored and widened in each call,
    while biases and other vectors, a thousandth of the whole, keep their type. `int8`
    is symmetric with a scale for each output channel:
    `kernel[…, c] ≈ scale[c] · stored[…, c]`, where
    `scale[c] = max |kernel[…, c]| / 127`.

    Args:
        model: The model.
        precision: One of `PRECISIONS`; `"float32"` changes nothing.

    Attributes:
        model: The model to call, within `widened()`.

    Raises:
        ValueError: If there is no such precision, Keras has quantised the model
            already, or a weight is out of its range.
    """

    def __init__(self, model: keras.Model, precision: str) -> None:
        super().__init__(name="weights")
        if precision not in PRECISIONS:
            raise ValueError(
                f"precision must be one of {PRECISIONS}. "
                f"Received: precision={precision!r}"
            )
        if precision != "float32" and is_quantised(model):
            raise ValueError(
                "precision must be 'float32' for a model that Keras has quantised: its "
                "kernels are stored in fewer bits already. "
                f"Received: precision={precision!r}"
            )
        if precision == _COMPUTED:
            model, precision = in_half_precision(model, precision), "float32"
        kernels = [] if precision == "float32" else list(_kernels(model))
        stored = {id(kernel.weight) for kernel in kernels}
        # Only the variables: tracking the Keras object would save its own traces.
        self.plain = [
            tensorflow_variable(weight)
            for weight in model.weights
            if id(weight) not in stored
        ]
        self.narrow = [_Narrow(kernel, precision) for kernel in kernels]
        self._kernels = lambda: kernels  # hidden from tracking, as above
        self._model = lambda: model

    @property
    def model(self) -> keras.Model:
        return self._model()

    @contextlib.contextmanager
    def widened(self) -> Iterator[None]:
        """Within it the model's layers compute with the stored values."""
        kernels = self._kernels()
        try:
            for kernel, narrow in zip(kernels, self.narrow, strict=True):
                wide = narrow.wide(kernel.layer.compute_dtype)
                # Not by setattr, which registers a new weight with Keras.
                vars(kernel.layer)[kernel.attribute] = wide
            yield
        finally:
            for kernel in kernels:
                vars(kernel.layer)[kernel.attribute] = kernel.weight


class _Narrow(tf.Module):
    """One kernel in fewer bits."""

    def __init__(self, kernel: _Kernel, precision: str) -> None:
        super().__init__(name=kernel.layer.name)
        values = np.asarray(tensorflow_variable(kernel.weight), np.float32)
        self.scale = None
        if precision == "int8":
            scale = channel_scales(values)
            self.scale = tf.Variable(scale, trainable=False)
            stored = tf.constant(np.round(values / scale), tf.int8)
        else:
            stored = tf.cast(values, precision)
            _check_range(stored, kernel.layer.name, precision)
        self.values = tf.Variable(stored, trainable=False)

    def wide(self, dtype: str) -> tf.Tensor:
        wide = tf.cast(self.values, dtype)
        return wide if self.scale is None else wide * tf.cast(self.scale, dtype)


def channel_scales(kernel: np.ndarray) -> np.ndarray:
    """`max |kernel[…, c]| / 127`, or 1 for a channel of zeros."""
    largest = np.abs(kernel).max(axis=tuple(range(kernel.ndim - 1)))
    return np.where(largest > 0, largest / _LARGEST, 1).astype(np.float32)


def _check_range(stored: tf.Tensor, layer: str, precision: str) -> None:
    if not np.isfinite(tf.cast(stored, tf.float32).numpy()).all():
        raise ValueError(
            f"precision={precision!r} must hold all weights; use 'bfloat16'. "
            f"Received: the layer {layer!r} with weights beyond its range"
        )


def _kernels(model: keras.Model) -> Iterator[_Kernel]:
    for layer in layers_of(model):
        own = {id(weight) for weight in layer.weights}
        for attribute, value in vars(layer).items():
            if id(value) in own and len(value.shape) >= 2:
                yield _Kernel(layer, attribute, value)
