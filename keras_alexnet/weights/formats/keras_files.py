"""Keras' own files: `.weights.h5`, of both generations, and `.keras`."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np

from keras_alexnet.architectures import Architecture, BatchNorm
from keras_alexnet.weights.names import Named, named_weights

# Both generations number a layer's variables in the order of their making, and name
# layers by their class and a count, in the order of the model.
_VARIABLES = {
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance")
}
_PLAIN = ("kernel", "bias")


def read_h5(path: Path, origin: str, record: Architecture) -> Named:
    """Reads a `.weights.h5` file of a model of `record`, of whichever Keras.

    Raises:
        ValueError: If it is no such file, is damaged, or is of other layers.
    """
    groups = _groups(record)
    named: Named = {}
    try:
        with h5py.File(path) as file:
            for group, variables in file["layers"].items():
                values = [variables["vars"][str(i)][()] for i in _numbers(variables)]
                if not values:
                    continue
                names = _VARIABLES.get(_class(group), _PLAIN)
                named[groups[group]] = dict(zip(names, values, strict=False))
    except (OSError, KeyError, RuntimeError) as error:
        raise _unreadable(path, origin, error) from error
    return named


def write_h5(path: Path, named: Named, record: Architecture) -> None:
    """Writes weights as a model of `record` saves them, readable by either Keras."""
    with h5py.File(path, "w") as file:
        file.create_group("vars")  # the model's own, which Keras 2 looks for
        for group, layer in _groups(record).items():
            variables = file.create_group(f"layers/{group}/vars")
            for index, name in enumerate(_VARIABLES.get(_class(group), _PLAIN)):
                if name in named.get(layer, {}):
                    variables.create_dataset(str(index), data=named[layer][name])


def h5_classes(path: Path, origin: str) -> int | None:
    """Number of classes of a `.weights.h5` file; None if it holds no `fc8`."""
    try:
        with h5py.File(path) as file:
            fc8 = file["layers"].get("dense_2/vars/0")
            return None if fc8 is None else int(fc8.shape[1])
    except (OSError, KeyError, RuntimeError) as error:
        raise _unreadable(path, origin, error) from error


def read_keras(path: Path, origin: str) -> tuple[Named, tuple[int | None, ...]]:
    """Reads a `.keras` file: its weights by name, and the shape of its input.

    Raises:
        ValueError: If it is damaged, or the other generation's.
    """
    model = load_keras(path, origin)
    named = {
        layer: {name: np.asarray(variable) for name, variable in variables.items()}
        for layer, variables in named_weights(model).items()
    }
    return named, tuple(model.input_shape)[1:]


def load_keras(path: Path, origin: str) -> keras.Model:
    """Loads the model of a `.keras` file.

    Raises:
        ValueError: If it is damaged, or the other generation's.
    """
    _check_generation(path, origin)
    try:
        return keras.saving.load_model(path, compile=False)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise ValueError(
            f"a .keras file must be whole, and of this Keras, {keras.__version__}. "
            f"Received: {origin!r} ({' '.join(str(error).split())[:200]})"
        ) from error


def _check_generation(path: Path, origin: str) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            version = json.loads(archive.read("metadata.json"))["keras_version"]
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise ValueError(
            "a .keras file must be whole, as Keras writes it. "
            f"Received: {origin!r} ({' '.join(str(error).split())[:200]})"
        ) from error
    if version.split(".")[0] != keras.__version__.split(".")[0]:
        raise ValueError(
            f"a .keras file must be of this Keras, {keras.__version__}; save the "
            "weights as .weights.h5 there, which both generations read. "
            f"Received: {origin!r}, written by Keras {version}"
        )


def _groups(record: Architecture) -> dict[str, str]:
    """What a file calls the layers that have weights: `{"conv2d_1": "conv3", …}`."""
    layers: list[tuple[str, str]] = []
    for index, each in enumerate(record.convolutions, start=1):
        layers.append(("grouped_" * (each.groups > 1) + "conv2d", f"conv{index}"))
        if any(isinstance(stage, BatchNorm) for stage in each.stages):
            layers.append(("batch_normalization", f"bn{index}"))
    layers += [("dense", f"fc{6 + index}") for index in range(len(record.dense) + 1)]
    counts: dict[str, int] = {}
    groups = {}
    for kind, layer in layers:
        number = counts[kind] = counts.get(kind, -1) + 1
        groups[f"{kind}_{number}" if number else kind] = layer
    return groups


def _class(group: str) -> str:
    return re.sub(r"_\d+$", "", group)


def _numbers(variables: h5py.Group) -> range:
    return range(len(variables.get("vars", ())))


def _unreadable(path: Path, origin: str, error: Exception) -> ValueError:
    return ValueError(
        "weights must be a whole .weights.h5 file, saved from an AlexNet of the same "
        f"variant. Received: {origin!r} ({' '.join(str(error).split())[:200]})"
    )
