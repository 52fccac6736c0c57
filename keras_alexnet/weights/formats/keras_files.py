"""Keras' own files: `.weights.h5`, of both generations, and `.keras`."""

from __future__ import annotations

import contextlib
import json
import math
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf

from keras_alexnet.architectures import Architecture, BatchNorm
from keras_alexnet.tensorflow_paths import for_tensorflow
from keras_alexnet.weights.formats import archives, hdf5_files
from keras_alexnet.weights.formats.faults import one_line
from keras_alexnet.weights.names import Named, named_weights

_MOST_OF_METADATA = 2**16  # bytes; Keras writes some 60
# Both generations number a layer's variables in the order of their creation, and name
# layers by their class and a count, in the order of the model.
_VARIABLES = {
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance")
}
_PLAIN = ("kernel", "bias")
_FLOATS = ("float16", "bfloat16", "float32", "float64")
DESCRIPTION = "keras_alexnet"  # the recipe and the names of the classes
# What is no weight of the network.
_BESIDE = ("optimizer", "metrics", DESCRIPTION)
_QUANTISED = (
    "as of a model that Keras has quantised; save it before model.quantize(…), and "
    "quantise the model after loading"
)
_VARIABLE = re.compile(r"layers/[^/]+/vars/\d+")
_OF_LORA = 2**22  # weights: of rank 64 in each layer of an AlexNet
_VERSION = re.compile(r"\d{1,3}(\.[0-9a-z]{1,20}){1,4}$", re.ASCII)
# The weights of an AlexNet's layers, also of one that is a layer of another model.
_WEIGHT = re.compile(
    r"(.*/)?layers/((grouped_)?conv2d|dense|batch_normalization)(_\d+)?/vars/\d+"
)
_INNER = re.compile(r"layers/([^/]+)/layers/")  # a model that is a layer
Shapes = dict[str, tuple[int, ...]]
_BODY = ("conv", "seam", "norm", "cnorm", "pool", "bn", "relu", "tanh", "leaky", "elu")
_WHOLE_H5 = "a whole .weights.h5 file, saved from an AlexNet of the same variant"
_WHOLE_KERAS = f"a whole .keras file, of this Keras, {keras.__version__}"
_ALEXNET_KERAS = "a .keras file of an AlexNet, as it was built"
WEIGHTS = "model.weights.h5"  # the entry of a .keras file with the weights


def read_h5(path: Path, origin: str, record: Architecture) -> Named:
    """Reads a `.weights.h5` file of a model of `record`, written by any Keras.

    Raises:
        ValueError: If it is no such file, is damaged, or has other layers.
    """
    groups = _groups(record)
    named: Named = {}
    with one_line(_WHOLE_H5, origin), hdf5_files.opened(path) as found:
        for group, values in _held(found).items():
            if group not in groups:
                raise ValueError(f"{record.name!r} has no such layer: {group!r}")
            names = _names(group, len(values))
            pairs = zip(names, map(_numeric, values), strict=False)
            named[groups[group]] = dict(pairs)
    return named


def write_h5(
    path: Path, named: Named, record: Architecture, description: bytes = b""
) -> None:
    """Writes weights as a model of `record` saves them, readable by either Keras.

    Args:
        path: The file.
        named: The weights.
        record: The architecture that they belong to.
        description: As `described.Description.to_bytes` gives it; none if empty.
    """
    with h5py.File(path, "w") as file:
        file.create_group("vars")  # the model's own variables, which Keras 2 expects
        for group, layer in _groups(record).items():
            variables = file.create_group(f"layers/{group}/vars")
            for index, name in enumerate(_VARIABLES.get(_class(group), _PLAIN)):
                if name in named.get(layer, {}):
                    variables.create_dataset(str(index), data=named[layer][name])
        if description:
            file[DESCRIPTION] = np.frombuffer(description, np.uint8)


def h5_shapes(path: Path, origin: str) -> Shapes:
    """The shape of the first variable of each layer of a `.weights.h5` file.

    Raises:
        ValueError: If it is no such file, or is damaged.
    """
    with one_line(_WHOLE_H5, origin), hdf5_files.opened(path) as found:
        shapes = {group: values[0].shape for group, values in _held(found).items()}
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


def _held(found: hdf5_files.Datasets) -> dict[str, list[h5py.Dataset]]:
    """The variables of each layer that has any, by the names of their groups."""
    held: dict[str, list[h5py.Dataset]] = {}
    weights = {p: d for p, d in found.items() if p.split("/")[0] not in _BESIDE}
    stray = [path for path in weights if not _VARIABLE.fullmatch(path)]
    if stray:
        raise ValueError(_of_another_model(stray))
    for path in sorted(weights, key=lambda path: int(path.rpartition("/")[2])):
        _check_floats(path, _type(weights[path]))
        if not weights[path].size:
            raise ValueError(f"{path} of shape {weights[path].shape} holds no values")
        held.setdefault(path.split("/")[1], []).append(weights[path])
    for group, variables in held.items():
        if variables[-1].name != f"/layers/{group}/vars/{len(variables) - 1}":
            raise ValueError(f"layers/{group} lacks some of its arrays")
    return held


def _of_another_model(stray: list[str]) -> str:
    """The message for datasets that are not weights of an AlexNet."""
    inner = [found[1] for found in map(_INNER.match, stray) if found]
    if inner:
        return (
            f"its model holds another, {inner[0]!r}; if that is the AlexNet, save its "
            "weights alone, model.get_layer(…).save_weights(…)"
        )
    return f"{stray[0]} is not where Keras keeps weights, layers/NAME/vars/NUMBER"


def _names(group: str, count: int) -> tuple[str, ...]:
    """The names of a layer's variables, in the order of their creation."""
    names = _VARIABLES.get(_class(group), _PLAIN)
    if count > len(names):
        raise ValueError(
            f"layers/{group} holds {count} arrays, not {' and '.join(names)} alone, "
            f"{_QUANTISED}"
        )
    return names


def _type(dataset: h5py.Dataset) -> str:
    # bfloat16, which HDF5 lacks, is written as two bytes of no type.
    return "bfloat16" if dataset.dtype == np.dtype("V2") else dataset.dtype.name


def _check_floats(name: str, kind: str) -> None:
    if kind not in _FLOATS:
        codes = f", {_QUANTISED}" if "int" in kind else ""
        raise ValueError(f"{name} holds values of type {kind}{codes}")


def _numeric(dataset: h5py.Dataset) -> np.ndarray:
    values = dataset[()]
    if _type(dataset) == "bfloat16":
        values = (values.view("u2").astype("u4") << 16).view("f4")
    return values


def read_keras(
    path: Path, origin: str
) -> tuple[Named, tuple[int | None, ...], tuple[tuple[str, str], ...]]:
    """Reads a `.keras` file: weights by name, shape of the input, and `body`.

    Raises:
        ValueError: If it is damaged or of the other Keras generation.
    """
    model = load_keras(path, origin)
    with one_line(_ALEXNET_KERAS, origin):
        check_layers(model)
        return arrays(model), tuple(model.input_shape)[1:], body(model)


def arrays(model: keras.Model) -> Named:
    """The weights of a model, by layer and name.

    Raises:
        ValueError: If they are codes of a quantised model.
    """
    named: Named = {}
    for layer, variables in named_weights(model).items():
        if getattr(model.get_layer(layer), "lora_enabled", False):
            # Keras saves a kernel with its LoRA added, and the LoRA's initial values.
            variables = {n: v for n, v in variables.items() if "lora" not in n}
        for name, variable in variables.items():
            _check_floats(f"{layer}/{name}", tf.as_dtype(variable.dtype).name)
        if getattr(model.get_layer(layer), "quantization_mode", None):
            raise ValueError(f"{layer} holds {', '.join(variables)}, {_QUANTISED}")
        named[layer] = {name: np.asarray(each) for name, each in variables.items()}
    return named


def check_layers(model: keras.Model) -> None:
    """Raises ValueError for a model that is no packed AlexNet, and describes it."""
    names = [each.name for each in model.layers]
    if "conv1" in names:
        return
    what = f"{model.name!r}, a model of {len(names)} layers: {', '.join(names[:6])}, …"
    if "conv1a" in names:
        raise ValueError(
            f"{what} with each tower on a device; save keras_alexnet.convert_towers"
            "(model), which packs them"
        )
    inner = [each.name for each in model.layers if hasattr(each, "layers")]
    if inner:
        raise ValueError(
            f"{what} with the model {inner[0]!r} in it; if that is the AlexNet, save "
            f"it alone, model.get_layer({inner[0]!r}).save(…)"
        )
    raise ValueError(f"{what} without conv1")


def body(model: keras.Model) -> tuple[tuple[str, str], ...]:
    """Layers and constants that distinguish networks of the same shapes."""
    layers = [each for each in model.layers if each.name.startswith(_BODY)]
    return tuple(
        (each.name, f"{getattr(each, 'lrn', None)} {getattr(each, 'towers', None)}")
        for each in layers
        if each.name not in ("relu6", "relu7")
    )


def load_keras(path: Path, origin: str) -> keras.Model:
    """Loads the model of a `.keras` file.

    Raises:
        ValueError: If it is damaged or of the other Keras generation.
    """
    _check_generation(path, origin)
    with (
        one_line(_WHOLE_KERAS, origin),
        # Keras 2 follows links out of the file, and unpickles an .npz.
        hdf5_files.opened_entry(path, WEIGHTS) as found,
    ):
        _check_kinds(found)
        held = sum(each.size for each in found.values())
    with one_line(_WHOLE_KERAS, origin):
        _check_configuration(path, held)
        # Keras 2 reads it by TensorFlow.
        plain = Path(for_tensorflow(path.parent), path.name)
        model = keras.saving.load_model(plain, compile=False)
    _check_finite(model, origin)
    return model


def _check_configuration(path: Path, held: int) -> None:
    """Raises ValueError if a model has far more weights than its file holds.

    It would be built with them. Here it is built without any values.
    """
    with zipfile.ZipFile(path) as archive:
        configuration = json.loads(archive.read("config.json"))
    if hasattr(keras, "StatelessScope"):
        scope = keras.StatelessScope(initialize_variables=False)
    else:
        scope = _graph()
    with scope:
        # An optimizer's variables have values from the start.
        model = keras.saving.deserialize_keras_object(_not_compiled(configuration))
        count = sum(math.prod(each.shape) for each in model.weights)
    if count > 2 * held + _OF_LORA:  # which Keras adds to the kernels in the file
        raise ValueError(f"its model has {count:,} weights, the file {held:,}")


@contextlib.contextmanager
def _graph() -> Iterator[None]:
    with tf.Graph().as_default():
        # Where ops are to be deterministic, those of chance want one of their graph.
        tf.random.set_seed(0)
        yield


def _not_compiled(configuration: Any) -> Any:
    """A configuration without how it, or a model within it, was compiled."""
    if isinstance(configuration, dict):
        return {
            key: _not_compiled(value)
            for key, value in configuration.items()
            if key != "compile_config"
        }
    if isinstance(configuration, list):
        return [_not_compiled(each) for each in configuration]
    return configuration


def _check_kinds(found: hdf5_files.Datasets) -> None:
    """Raises ValueError for whole numbers as weights, which Keras would convert.

    Those of a quantised model are of 8 bits, or packed in 8.
    """
    for path, dataset in found.items():
        kind = _type(dataset)
        if _WEIGHT.fullmatch(path) and kind not in (*_FLOATS, "int8", "uint8"):
            raise ValueError(f"{path} holds values of type {kind}")


def _check_finite(model: keras.Model, origin: str) -> None:
    """Raises ValueError for values that are no numbers, also those beyond float32."""
    for layer, variables in named_weights(model).items():
        for name, variable in variables.items():
            if variable.dtype.is_floating and not tf.reduce_all(
                tf.math.is_finite(variable)
            ):
                raise ValueError(
                    "weights must be finite numbers. Received: "
                    f"{origin!r} with others in {layer}/{name}"
                )


def _check_generation(path: Path, origin: str) -> None:
    with (
        one_line(_WHOLE_KERAS, origin),
        open(path, "rb") as file,
        archives.opened(file, "Keras") as archive,
    ):
        held = archives.read(archive, "metadata.json", _MOST_OF_METADATA)
        version = json.loads(held)["keras_version"]
        if not isinstance(version, str) or not _VERSION.match(version):
            raise ValueError("its keras_version is none")
    if version.split(".")[0] != keras.__version__.split(".")[0]:
        raise ValueError(
            f"a .keras file must be of this Keras, {keras.__version__}; save the "
            "weights as .weights.h5 there, which both generations read. "
            f"Received: {origin!r}, written by Keras {version}"
        )


def _groups(record: Architecture) -> dict[str, str]:
    """The names in a file of layers with weights: `{"conv2d_1": "conv3", …}`."""
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
