"""From opened weights to the values in a model."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet.architectures import Architecture
from keras_alexnet.weights.names import Named, named_weights
from keras_alexnet.weights.opening import Weights
from keras_alexnet.weights.plausibility import warn_if_untrained

_LAST = "fc8"
_TOP = ("fc6", "fc7", _LAST)
_FLOATS = ("float16", "bfloat16", "float32", "float64")
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
    _check_channels(model, weights)
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


def _check_channels(model: keras.Model, weights: Weights) -> None:
    """Raises ValueError for another number of channels, before anything is fetched."""
    theirs = None if weights.input_shape is None else weights.input_shape[-1]
    ours = tuple(model.input_shape)[-1]
    if theirs is not None and theirs != ours:
        raise ValueError(_channels(weights.origin, theirs, ours))


def _channels(origin: str, theirs: int, ours: int) -> str:
    return (
        f"input_shape must have {theirs} channels, which these weights read. "
        f"Received: {ours} channels, weights={origin!r}"
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
        ValueError: If a value is missing, is too many, has another shape, is no
            floating-point number or not finite.
    """
    pairs = []
    for layer, variables in named_weights(model).items():
        if layer in without:
            continue
        held = values.get(layer, {})
        _check_none_is_left(layer, held, variables, origin)
        for name, variable in variables.items():
            value = held.get(name)
            if value is None or value.shape != tuple(variable.shape):
                raise ValueError(_misfit(f"{layer}/{name}", variable, value, origin))
            pairs.append((variable, _of_its_type(layer, name, value, variable, origin)))
    for variable, value in pairs:
        variable.assign(value)
    _tell_of_the_rest(model, values, origin)


def _check_none_is_left(
    layer: str, held: dict[str, np.ndarray], variables: Iterable[str], origin: str
) -> None:
    left = sorted({*held} - {*variables})
    if left:
        raise ValueError(
            f"weights must hold nothing of {layer} but {', '.join(variables)}, or "
            f"its values would mean something else. Received: {origin!r} with "
            f"{layer}/{left[0]}"
        )


def _of_its_type(
    layer: str, name: str, value: np.ndarray, variable: tf.Variable, origin: str
) -> np.ndarray:
    """A floating-point value of whatever width as the variable holds it."""
    if value.dtype.name not in _FLOATS:
        raise ValueError(
            f"weights must be floating-point numbers, {', '.join(_FLOATS)}. Received: "
            f"{origin!r} with {layer}/{name} of type {value.dtype.name}"
        )
    with np.errstate(over="ignore"):
        fitted = value.astype(variable.dtype.as_numpy_dtype, copy=False)
    if not np.isfinite(fitted).all():
        finite = np.isfinite(value).all()
        what = f"values beyond {variable.dtype.name}" if finite else "NaN or infinity"
        raise ValueError(
            f"weights must be finite numbers. Received: {origin!r} with {what} in "
            f"{layer}/{name}"
        )
    return fitted


def _tell_of_the_rest(model: keras.Model, values: Named, origin: str) -> None:
    """Says which layers of a file are not read; a body leaves out the top unasked."""
    left = [layer for layer in values if layer not in {*named_weights(model), *_TOP}]
    if left:
        _log.warning(
            "%s: not read, since the model has none: %s", origin, ", ".join(left)
        )


def _misfit(name: str, variable: tf.Variable, value: Any, origin: str) -> str:
    wanted, given = tuple(variable.shape), np.shape(value)
    if value is None:
        return (
            f"weights must hold {name} of shape {wanted}. Received: {origin!r} has none"
        )
    if name == "conv1/kernel" and wanted == (*given[:2], wanted[2], *given[3:]):
        return _channels(origin, given[2], wanted[2])
    hint = {"fc8": "classes", "fc6": "input_shape"}.get(name.split("/")[0], "variant")
    return (
        f"weights must hold {name} of shape {wanted}; build the model with the "
        f"`{hint}` that they were trained with. Received: {origin!r} with shape {given}"
    )
