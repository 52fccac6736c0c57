"""One name for each weight of a model, the same under every Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

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


def _leaf(weight: Any) -> str:
    return weight.name.split("/")[-1].split(":")[0]


def tensorflow_variable(weight: Any) -> tf.Variable:
    """TensorFlow's variable behind a variable of Keras 2 or Keras 3."""
    return weight if isinstance(weight, tf.Variable) else weight.value
