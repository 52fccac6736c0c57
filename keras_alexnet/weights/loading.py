"""Loads opened weights into a model."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet.architectures import Architecture
from keras_alexnet.reasons import outside
from keras_alexnet.weights.described import UNKNOWN
from keras_alexnet.weights.names import Named, named_weights
from keras_alexnet.weights.opening import Weights
from keras_alexnet.weights.plausibility import warn_if_untrained

LAST = "fc8"  # the layer of the classes
_TOP = ("fc6", "fc7", LAST)
_FLOATS = ("float16", "bfloat16", "float32", "float64")
_log = logging.getLogger("keras_alexnet")


def load_weights(
    model: keras.Model,
    weights: Weights,
    record: Architecture,
    class_names: tuple[str, ...] = (),
) -> None:
    """Loads weights into a model; all must fit, except for the classes of `fc8`.

    Args:
        model: A model of `record`.
        weights: As `open_weights` returns them.
        record: The architecture of the model.
        class_names: Name of each output, if they were given: `fc8` is for the classes
            that the weights record, in their order.

    Raises:
        ValueError: If a weight is missing, has another shape or is not finite. The
            model is left as it was.

    Warns:
        UserWarning: If the values look untrained.

    Example:

    >>> load_weights(model, open_weights("mine.weights.h5"), record)  # doctest: +SKIP
    """
    _check_channels(model, weights)
    if weights.taken:
        _log.info("%s: %s", weights.origin, weights.taken)
    if weights.unfinished:
        _log.warning("%s: %s", weights.origin, weights.unfinished)
    values = weights.read(record)
    other = _other_classes(model, weights, class_names)
    assign_weights(model, values, weights.origin, frozenset({LAST} if other else ()))
    if weights.checked:
        warn_if_untrained(values, weights.origin, weights.description != UNKNOWN)
    if other:
        units = model.get_layer(LAST).units
        theirs = "others" if weights.classes in (None, units) else weights.classes
        _log.warning(
            "%s: all layers but fc8 were loaded; fc8 has new weights for %d classes, "
            "where the file has %s",
            weights.origin,
            units,
            theirs,
        )


def _check_channels(model: keras.Model, weights: Weights) -> None:
    """Raises ValueError for another number of channels, before any download."""
    theirs = None if weights.input_shape is None else weights.input_shape[-1]
    ours = tuple(model.input_shape)[-1]
    if theirs is not None and theirs != ours:
        raise ValueError(_channels(weights.origin, theirs, ours))


def _channels(origin: str, theirs: int, ours: int) -> str:
    return (
        f"input_shape must have {theirs} channels, which these weights read. "
        f"Received: {ours} channels, weights={origin!r}"
    )


def _other_classes(
    model: keras.Model, weights: Weights, class_names: tuple[str, ...]
) -> bool:
    last = [layer for layer in model.layers if layer.name == LAST]
    others = other_names(weights, class_names)
    return bool(last) and (others or last[0].units != weights.classes)


def other_names(weights: Weights, class_names: Sequence[str]) -> bool:
    """Whether weights record other classes than these, or in another order."""
    theirs = weights.description.class_names
    return bool(theirs and class_names) and theirs != tuple(class_names)


def assign_weights(
    model: keras.Model,
    values: Named,
    origin: str,
    without: frozenset[str] = frozenset(),
) -> None:
    """Assigns values by the names of layers and weights, after checking all.

    Args:
        model: The model whose weights are set.
        values: `{layer: {weight: array}}`.
        origin: What the values come from, for messages.
        without: Layers that keep their values.

    Raises:
        ValueError: If a value is missing, unexpected, of another shape, no
            floating-point number or not finite.
    """
    pairs = []
    for layer, variables in named_weights(model).items():
        if layer in without:
            continue
        held = values.get(layer, {})
        _check_names(layer, held, variables, origin)
        for name, variable in variables.items():
            value = held.get(name)
            if value is None or value.shape != tuple(variable.shape):
                raise ValueError(_misfit(f"{layer}/{name}", variable, value, origin))
            pairs.append((variable, _of_its_type(layer, name, value, variable, origin)))
    for variable, value in pairs:
        variable.assign(value)
    _warn_of_unread(model, values, origin)


def _check_names(
    layer: str, held: dict[str, np.ndarray], variables: Iterable[str], origin: str
) -> None:
    unexpected = sorted({*held} - {*variables})
    if unexpected:
        raise ValueError(
            f"weights must hold only {', '.join(variables)} for {layer}: with others "
            f"they have another meaning. Received: {origin!r} with "
            f"{outside(f'{layer}/{unexpected[0]}')}"
        )


def _of_its_type(
    layer: str, name: str, value: np.ndarray, variable: tf.Variable, origin: str
) -> np.ndarray:
    """A floating-point value of any width, in the type of the variable."""
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


def _warn_of_unread(model: keras.Model, values: Named, origin: str) -> None:
    """Logs which layers of a file are not read.

    Without the top layers: a model with include_top=False is meant to skip them.
    """
    unread = [layer for layer in values if layer not in {*named_weights(model), *_TOP}]
    if unread:
        _log.warning(
            "%s: not read, since the model has no such layers: %s",
            origin,
            outside(", ".join(unread)),
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
