"""`AlexNet(weights=…)`: from what a person names to the values in the model."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import keras
import numpy as np

from keras_alexnet.weights.names import named_weights
from keras_alexnet.weights.runs import is_run, read_weights

_EXPECTED = "a .weights.h5 file or the directory of a training run"


def load_weights(model: keras.Model, weights: str | os.PathLike) -> None:
    """Loads weights into a model that has been built; all of them must fit.

    Args:
        model: A model whose layers bear the names that the weights were saved with.
        weights: Path of a `.weights.h5` file, or of the directory of a training
            run, whose newest checkpoint is read.

    Raises:
        ValueError: If there is nothing at the path, it is something else, or its
            weights do not fit the model.

    Example:

    >>> load_weights(AlexNet(classes=10), "runs/quickstart")  # doctest: +SKIP
    """
    if not isinstance(weights, (str, os.PathLike)):
        raise ValueError(
            f"weights must be None or {_EXPECTED}. Received: weights={weights!r}"
        )
    path = Path(weights)
    if is_run(path):
        assign_weights(model, read_weights(path), str(weights))
    elif path.is_file() and path.name.endswith(".weights.h5"):
        _load_h5(model, path)
    else:
        found = "which is something else" if path.exists() else "which does not exist"
        raise ValueError(
            f"weights must be None or {_EXPECTED}. Received: {str(weights)!r}, {found}"
        )


def assign_weights(
    model: keras.Model, weights: dict[str, dict[str, np.ndarray]], origin: str
) -> None:
    """Assigns weights by the names of layers and variables, after checking all."""
    pairs = []
    for layer, variables in named_weights(model).items():
        for name, variable in variables.items():
            value = weights.get(layer, {}).get(name)
            if value is None or value.shape != tuple(variable.shape):
                raise ValueError(_misfit(f"{layer}/{name}", variable, value, origin))
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


def _load_h5(model: keras.Model, path: Path) -> None:
    try:
        with warnings.catch_warnings():
            # Of a layer that does not fit Keras first warns, then raises.
            warnings.filterwarnings("ignore", "Skipping nested container")
            model.load_weights(str(path))
    except (ValueError, KeyError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            "weights must be a .weights.h5 file saved from a model of the same "
            f"layers and shapes. Received: {str(path)!r} ({reason})"
        ) from error
