"""From opened weights to the values in a model."""

from __future__ import annotations

import logging

import keras
import numpy as np

from keras_alexnet.architectures import Architecture
from keras_alexnet.weights.names import Named, named_weights
from keras_alexnet.weights.opening import Weights
from keras_alexnet.weights.plausibility import warn_if_untrained

_LAST = "fc8"
_log = logging.getLogger("keras_alexnet")


def load_weights(model: keras.Model, weights: Weights, record: Architecture) -> None:
    """Loads weights into a model; all must fit, but for the last layer's classes.

    Args:
        model: A model of `record`.
        weights: What `open_weights` gave.
        record: The architecture that the weights are read as.

    Raises:
        ValueError: If a weight is missing, has another shape or is not finite. The
            model is left as it was.

    Warns:
        UserWarning: If the values look like fresh ones.

    Example:

    >>> load_weights(model, open_weights("mine.weights.h5"), record)  # doctest: +SKIP
    """
    values = weights.read(record)
    if weights.checked:
        warn_if_untrained(values, weights.origin)
    fresh = _other_classes(model, weights)
    assign_weights(model, values, weights.origin, frozenset({_LAST} if fresh else ()))
    if fresh:
        _log.warning(
            "%s: all layers but fc8 were loaded; fc8 starts fresh for %d classes, "
            "where the weights tell %s",
            weights.origin,
            model.get_layer(_LAST).units,
            weights.classes or "others",
        )


def _other_classes(model: keras.Model, weights: Weights) -> bool:
    last = [layer for layer in model.layers if layer.name == _LAST]
    return bool(last) and last[0].units != weights.classes


def assign_weights(
    model: keras.Model,
    values: Named,
    origin: str,
    without: frozenset[str] = frozenset(),
) -> None:
    """Assigns values by the names of layers and weights, after checking all.

    Args:
        model: Whose weights are set.
        values: `{layer: {weight: array}}`.
        origin: What the values come from, for messages.
        without: Layers that are left as they are.

    Raises:
        ValueError: If a value is missing, has another shape or is not finite.
    """
    pairs = []
    for layer, variables in named_weights(model).items():
        for name, variable in variables.items() if layer not in without else ():
            value = values.get(layer, {}).get(name)
            if value is None or value.shape != tuple(variable.shape):
                raise ValueError(_misfit(f"{layer}/{name}", variable, value, origin))
            if not np.isfinite(value).all():
                raise ValueError(
                    f"weights must be finite numbers. Received: {origin!r} with NaN or "
                    f"infinity in {layer}/{name}"
                )
            pairs.append((variable, value))
    for variable, value in pairs:
        variable.assign(value)


def _misfit(name: str, variable: object, value: object, origin: str) -> str:
    wanted = tuple(getattr(variable, "shape", ()))
    if value is None:
        return (
            f"weights must hold {name} of shape {wanted}. Received: {origin!r} has none"
        )
    hint = {"fc8": "classes", "fc6": "input_shape"}.get(name.split("/")[0], "variant")
    return (
        f"weights must hold {name} of shape {wanted}; build the model with the "
        f"`{hint}` that they were trained with. Received: {origin!r} with shape "
        f"{np.shape(value)}"
    )
