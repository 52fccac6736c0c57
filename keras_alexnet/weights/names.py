"""One name for each weight of a model, the same under every Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet.architectures import Architecture

# {layer: {weight: value}}, as in {"conv1": {"kernel": …, "bias": …}}.
Named = dict[str, dict[str, np.ndarray]]


def named_weights(model: keras.Model) -> dict[str, dict[str, tf.Variable]]:
    """Returns `{layer: {weight: variable}}`, as in `{"conv1": {"kernel": …}}`.

    The variables are TensorFlow's own (under a strategy its distributed ones).
    `tf.train.Checkpoint` writes them under these names, which are the same for every
    Keras version, device layout and object graph of the model.
    """
    return {
        layer.name: {
            _leaf(weight): tensorflow_variable(weight) for weight in layer.weights
        }
        for layer in model.layers
        if layer.weights
    }


def is_of(named: Named, record: Architecture) -> bool:
    """Whether the convolutions of these weights are those of a record.

    Args:
        named: The weights.
        record: An architecture.

    Example:

    >>> conv1 = {"kernel": np.zeros([3, 3, 3, 8]), "bias": np.zeros(8)}
    >>> is_of({"conv1": conv1}, architectures.get("owt"))
    False
    """
    layers, maps = set(), None
    for index, each in enumerate(record.convolutions, start=1):
        shape = np.shape(named.get(f"conv{index}", {}).get("kernel"))
        reads = shape[2] if maps is None and len(shape) == 4 else maps  # any colours
        size = each.kernel_size
        if reads is None or shape != (size, size, reads // each.groups, each.filters):
            return False
        layers |= {f"conv{index}"} | ({f"bn{index}"} if not each.has_biases else set())
        maps = each.filters
    return {layer for layer in named if not layer.startswith("fc")} == layers


def _leaf(weight: Any) -> str:
    return weight.name.split("/")[-1].split(":")[0]


def tensorflow_variable(weight: Any) -> tf.Variable:
    """TensorFlow's variable behind a variable of Keras 2 or Keras 3."""
    return weight if isinstance(weight, tf.Variable) else weight.value
