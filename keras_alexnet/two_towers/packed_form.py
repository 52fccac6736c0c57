"""The variables of a model, under the names and shapes of its packed form."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet.two_towers.placement import OnDevice
from keras_alexnet.weights.names import Named

Variables = dict[str, dict[str, tf.Variable]]  # {"conv1a": {"kernel": …}}


class PackedForm:
    """Variables of a model, spread or packed, as those of the packed model.

    A checkpoint of `variables` is a checkpoint of the packed model, and can be read
    into either form. For a packed model they are its own variables, and there is
    nothing to gather. For a spread model they are copies in the host's memory.

    Args:
        model: A model of `AlexNet` or `convert_towers`.
        variables: `{layer: {weight: variable}}` of this model, as
            `keras_alexnet.weights.names.named_weights` returns it, or an optimizer's
            variables under the same names.

    Example:

    >>> from keras_alexnet.weights.names import named_weights
    >>> model = AlexNet(input_shape=(64, 64, 3), devices=["CPU:0"])
    >>> form = PackedForm(model, named_weights(model))
    >>> tuple(form.variables["conv2"]["kernel"].shape)
    (5, 5, 48, 256)
    >>> checkpoint = tf.train.Checkpoint(model=form.variables)
    >>> form.gather()  # before it is saved
    >>> form.scatter()  # after it was restored
    """

    def __init__(self, model: keras.Model, variables: Variables) -> None:
        self._parts = _parts(model, variables)
        self.variables = {
            layer: {name: _packed(parts) for name, parts in weights.items()}
            for layer, weights in self._parts.items()
        }

    def gather(self) -> None:
        """Copies the model's values to `variables`."""
        for variable, parts in self._copied():
            variable.assign(_joined(parts))

    def scatter(self) -> None:
        """Copies the values of `variables` to the model."""
        for variable, parts in self._copied():
            _assign(parts, variable.numpy())

    def _copied(self) -> list[tuple[tf.Variable, list[tf.Variable]]]:
        return [
            (self.variables[layer][name], parts)
            for layer, weights in self._parts.items()
            for name, parts in weights.items()
            if len(parts) > 1
        ]


def packed_names(model: keras.Model) -> dict[str, str]:
    """Each layer's name in the packed model, as in `{"conv2b": "conv2"}`."""
    return {
        layer.name: layer.layer.name if isinstance(layer, OnDevice) else layer.name
        for layer in model.layers
    }


def packed_values(model: keras.Model, variables: Variables) -> Named:
    """The values of variables, as those of the packed model; see `PackedForm`."""
    return {
        layer: {name: _joined(parts) for name, parts in weights.items()}
        for layer, weights in _parts(model, variables).items()
    }


def assign_packed(model: keras.Model, variables: Variables, values: Named) -> None:
    """Assigns the result of `packed_values` to the variables of a model of any form."""
    for layer, weights in _parts(model, variables).items():
        for name, parts in weights.items():
            _assign(parts, values[layer][name])


def _parts(
    model: keras.Model, variables: Variables
) -> dict[str, dict[str, list[tf.Variable]]]:
    """The variables that form each packed one, tower by tower."""
    parts: dict[str, dict[str, list[tf.Variable]]] = {}
    packed = packed_names(model)
    for layer in sorted(model.layers, key=_tower):
        weights = parts.setdefault(packed[layer.name], {})
        for name, variable in variables.get(layer.name, {}).items():
            weights.setdefault(name, []).append(variable)
    return {layer: weights for layer, weights in parts.items() if weights}


def _tower(layer: keras.layers.Layer) -> int:
    return (layer.tower or 0) if isinstance(layer, OnDevice) else 0


def _packed(parts: list[tf.Variable]) -> tf.Variable:
    if len(parts) == 1:
        return parts[0]
    shape = [*parts[0].shape[:-1], sum(part.shape[-1] for part in parts)]
    with tf.device("/CPU:0"):
        return tf.Variable(tf.zeros(shape, parts[0].dtype), trainable=False)


def _joined(parts: list[Any]) -> np.ndarray:
    # The last axis of each weight is that of the layer's outputs.
    return np.concatenate([part.numpy() for part in parts], axis=-1)


def _assign(parts: list[tf.Variable], value: np.ndarray) -> None:
    pieces = np.split(value, len(parts), axis=-1)
    for part, piece in zip(parts, pieces, strict=True):
        part.assign(piece)
