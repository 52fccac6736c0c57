"""A network for inference that holds its weights in 16 bits and computes in them."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet.reasons import must_be
from keras_alexnet.weights.described import UNKNOWN, described, description_of
from keras_alexnet.weights.names import tensorflow_variable

HALVES = ("bfloat16", "float16")


def in_half_precision(model: keras.Model, dtype: str) -> keras.Model:
    """Copies a network into 16 bits, for inference.

    Under Keras' policy `mixed_bfloat16` a layer holds float32 weights, and rounds them
    in every call. For one picture that takes longer than the products: `fc6`, `fc7` and
    `fc8` have 58.6 of the 61.0 million weights, and a picture needs each of them once.
    The copy holds the rounded weights, and its scores are the same to the bit.

    Two kinds of layers are left as the policy has them: those without a kernel, as
    batch normalisation, keep their weights in float32; and a last layer without
    weights, as a softmax, computes in float32.

    Args:
        model: A functional or a sequential model; it is not changed.
        dtype: `"bfloat16"`, for CPUs that multiply it (AVX-512 BF16, AMX; others run
            it slowly), or `"float16"`, for GPUs.

    Returns:
        The copy, with the names of the layers, the recipe and the class names.

    Raises:
        ValueError: If there is no such type, Keras cannot copy the model or has
            quantised it, or a weight is beyond the type's range.

    Example:

    >>> model = AlexNet(input_shape=(64, 64, 3), classes=10)
    >>> half = in_half_precision(model, "bfloat16")
    >>> half.get_layer("fc6").compute_dtype
    'bfloat16'
    """
    if dtype not in HALVES:
        raise must_be("precision", f"one of {HALVES}", dtype)
    if is_quantised(model):
        raise must_be("model", "one that Keras has not quantised", model.name)

    def narrow(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, keras.Model):
            return in_half_precision(layer, dtype)
        if isinstance(layer, keras.layers.InputLayer):
            return layer
        return _of_dtype(layer, _policy(layer, layer is model.layers[-1], dtype))

    half = keras.models.clone_model(model, clone_function=narrow)
    for source, target in zip(model.weights, half.weights, strict=True):
        _assign(tensorflow_variable(target), tensorflow_variable(source), dtype)
    if description_of(model) != UNKNOWN:
        described(half, description_of(model))
    return half


def _policy(layer: keras.layers.Layer, is_last: bool, dtype: str) -> str:
    if any(len(weight.shape) > 1 for weight in layer.weights):
        return dtype
    return "float32" if is_last and not layer.weights else f"mixed_{dtype}"


def _of_dtype(layer: keras.layers.Layer, policy: str) -> keras.layers.Layer:
    return type(layer).from_config({**layer.get_config(), "dtype": policy})


def _assign(target: tf.Variable, source: tf.Variable, dtype: str) -> None:
    value = tf.cast(source, target.dtype)
    if not np.isfinite(tf.cast(value, tf.float32)).all():
        raise ValueError(
            f"precision={dtype!r} must hold all weights; use 'bfloat16'. "
            f"Received: weights beyond its range in {target.name!r}"
        )
    target.assign(value)


def is_quantised(model: keras.Model) -> bool:
    """Whether Keras' `model.quantize` has changed a layer (Keras 3 has it)."""
    return any(getattr(each, "quantization_mode", None) for each in layers_of(model))


def layers_of(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """All layers, also those of nested models; each once."""
    within = (
        each
        for layer in model.layers
        for each in (layers_of(layer) if hasattr(layer, "layers") else [layer])
    )
    yield from {id(layer): layer for layer in within}.values()
