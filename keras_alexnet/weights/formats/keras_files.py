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
from keras_alexnet.weights.formats.faults import one_line
from keras_alexnet.weights.names import Named, named_weights

# Both generations number a layer's variables in the order of their making, and name
# layers by their class and a count, in the order of the model.
_VARIABLES = {
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance")
}
_PLAIN = ("kernel", "bias")
Shapes = dict[str, tuple[int, ...]]
_BODY = ("conv", "seam", "norm", "cnorm", "pool", "bn", "relu")
_WHOLE_H5 = "a whole .weights.h5 file, saved from an AlexNet of the same variant"
_WHOLE_KERAS = f"a whole .keras file, of this Keras, {keras.__version__}"


def read_h5(path: Path, origin: str, record: Architecture) -> Named:
    """Reads a `.weights.h5` file of a model of `record`, of whichever Keras.

    Raises:
        ValueError: If it is no such file, is damaged, or is of other layers.
    """
    groups = _groups(record)
    named: Named = {}
    with one_line(_WHOLE_H5, origin), h5py.File(path) as file:
        for group, values in _held(file).items():
            if group not in groups:
                raise ValueError(f"{record.name!r} has no such layer: {group!r}")
            names = _VARIABLES.get(_class(group), _PLAIN)
            pairs = zip(names, map(_numeric, values), strict=False)
            named[groups[group]] = dict(pairs)
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


def h5_shapes(path: Path, origin: str) -> Shapes:
    """The shape of the first variable of each layer of a `.weights.h5` file.

    Raises:
        ValueError: If it is no such file, or is damaged.
    """
    with one_line(_WHOLE_H5, origin), h5py.File(path) as file:
        shapes = {group: values[0].shape for group, values in _held(file).items()}
        if not all(shapes.values()):
            raise ValueError("it holds a single number in place of weights")
        return shapes


def classes(shapes: Shapes) -> int | None:
    """Number of classes of the network of these shapes; None if it has no `fc8`."""
    return shapes["dense_2"][-1] if "dense_2" in shapes else None


def fits(shapes: Shapes, record: Architecture) -> bool:
    """Whether the convolutions of these shapes are those of a record."""
    layers = {n: layer for n, layer in _groups(record).items() if layer[:2] != "fc"}
    kernels = {f"conv{n}": c for n, c in enumerate(record.convolutions, start=1)}
    return {n for n in shapes if not n.startswith("dense")} == set(layers) and all(
        shapes[group][0] == kernels[layer].kernel_size
        and shapes[group][-1] == kernels[layer].filters
        for group, layer in layers.items()
        if layer in kernels
    )


def _held(file: h5py.File) -> dict[str, list[h5py.Dataset]]:
    """The variables of each group that has any."""
    held = {}
    for group, content in file["layers"].items():
        variables = content.get("vars", {})
        if len(variables):
            held[group] = [variables[str(i)] for i in range(len(variables))]
    return held


def _numeric(dataset: h5py.Dataset) -> np.ndarray:
    values = dataset[()]
    if values.dtype == np.dtype("V2"):  # how bfloat16, which HDF5 lacks, is written
        values = (values.view("u2").astype("u4") << 16).view("f4")
    if values.dtype.kind != "f":
        raise ValueError(f"{dataset.name} holds values of type {values.dtype}")
    return values


def read_keras(
    path: Path, origin: str
) -> tuple[Named, tuple[int | None, ...], tuple[tuple[str, str], ...]]:
    """Reads a `.keras` file: weights by name, shape of the input, and `body`.

    Raises:
        ValueError: If it is damaged, or the other generation's.
    """
    model = load_keras(path, origin)
    named = {
        layer: {name: np.asarray(variable) for name, variable in variables.items()}
        for layer, variables in named_weights(model).items()
    }
    with one_line(_WHOLE_KERAS, origin):
        return named, tuple(model.input_shape)[1:], body(model)


def body(model: keras.Model) -> tuple[tuple[str, str], ...]:
    """What tells the networks apart that share all shapes: layers and constants."""
    layers = [each for each in model.layers if each.name.startswith(_BODY)]
    return tuple(
        (each.name, f"{getattr(each, 'lrn', None)} {getattr(each, 'towers', None)}")
        for each in layers
        if each.name not in ("relu6", "relu7")
    )


def load_keras(path: Path, origin: str) -> keras.Model:
    """Loads the model of a `.keras` file.

    Raises:
        ValueError: If it is damaged, or the other generation's.
    """
    _check_generation(path, origin)
    with one_line(_WHOLE_KERAS, origin):
        return keras.saving.load_model(path, compile=False)


def _check_generation(path: Path, origin: str) -> None:
    with one_line(_WHOLE_KERAS, origin), zipfile.ZipFile(path) as archive:
        version = json.loads(archive.read("metadata.json"))["keras_version"]
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
