"""`.onnx` files of BVLC's AlexNet and CaffeNet, as ONNX's model zoo has them.

They were converted from Caffe by way of Caffe2, and have Caffe's layouts and its order
of colours, B, G, R. The graph is compared with the architecture, node by node: a file
of another network, or of this one with other constants, is refused. Nothing is run.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import message

from keras_alexnet import architectures
from keras_alexnet.architectures import Architecture, Convolution, Pool, ReLU
from keras_alexnet.normalizations import LRN
from keras_alexnet.optional_packages import needed
from keras_alexnet.weights.formats.faults import DAMAGE, one_line
from keras_alexnet.weights.formats.protobufs import check_fields

VARIANTS = ("caffe", "caffenet")
EXTRA = "onnx"

_EXPECTED = (
    "a whole .onnx file of BVLC's AlexNet or CaffeNet, as ONNX's model zoo has them"
)
_MOST_BYTES = 10**9  # it is read whole; with 22,000 classes it has 0.6 GB
_NOTHING = ("Dropout", "Identity")  # what does nothing to a picture
_FLAT = ("Reshape", "Flatten")
_OPS = {ReLU: "Relu", LRN: "LRN", Pool: "MaxPool"}


@dataclasses.dataclass(frozen=True)
class _Tensor:
    """Values of the file, which are read once their shape is known to be right."""

    onnx: Any
    tensor: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.tensor.dims)

    def read(self) -> np.ndarray:
        return self.onnx.numpy_helper.to_array(self.tensor)


@dataclasses.dataclass(frozen=True)
class _Step:
    """A node of a graph without branches.

    Args:
        op: Its type.
        attributes: Its attributes by name, as Python's values.
        tensors: The initializers that it reads besides the maps.
    """

    op: str
    attributes: dict[str, Any]
    tensors: list[_Tensor]

    def get(self, name: str, default: Any) -> Any:
        return self.attributes.get(name, default)


def read_onnx(path: str | os.PathLike) -> tuple[dict[str, list[np.ndarray]], str]:
    """Reads the values of BVLC's AlexNet or CaffeNet, and which of them it is.

    Args:
        path: A `.onnx` file, with all values in it.

    Returns:
        `{layer: [kernel, bias]}` in Caffe's layouts, and the variant, `"caffe"` or
        `"caffenet"`.

    Raises:
        ValueError: If the file cannot be read, is damaged, has values in other files
            or is of another network, or if `onnx` is not installed.

    Example:

    >>> blobs, variant = read_onnx("bvlcalexnet-12.onnx")  # doctest: +SKIP
    >>> variant, blobs["conv1"][0].shape  # doctest: +SKIP
    ('caffe', (96, 3, 11, 11))

    Reference:
        - https://github.com/onnx/models, validated/vision/classification/alexnet.
        - https://github.com/onnx/onnx, docs/Operators.md.
    """
    onnx = needed("onnx", EXTRA, "reading .onnx")
    with one_line(_EXPECTED, path, (*DAMAGE, message.DecodeError)):
        steps = _steps(onnx, _graph(onnx, Path(path)))
        variant = _variant([step.op for step in steps])
        return _layers(steps, architectures.get(variant)), variant


def _graph(onnx: Any, path: Path) -> Any:
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError("it is larger than 1 GB")
    model, content = onnx.ModelProto(), path.read_bytes()
    check_fields(content, model.DESCRIPTOR)
    model.ParseFromString(content)
    if not model.graph.node:
        raise ValueError("it holds no graph")
    if len(model.functions) or len(model.graph.sparse_initializer):
        raise ValueError("its graph has functions or sparse values")
    return model.graph


def _steps(onnx: Any, graph: Any) -> list[_Step]:
    """The nodes from the picture to the answer, which must be one after another."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    inputs = [each.name for each in graph.input if each.name not in tensors]
    if len(inputs) != 1:
        raise ValueError(f"its graph has {len(inputs)} inputs, not one")
    (current,) = inputs
    steps = []
    for node in graph.node:
        if node.domain not in ("", "ai.onnx"):
            raise ValueError(f"its node {node.op_type!r} is of {node.domain[:40]!r}")
        attributes = {each.name: each for each in node.attribute}
        if node.op_type == "Constant" and not node.input and "value" in attributes:
            tensors[node.output[0]] = attributes["value"].t
            continue
        maps, *others = node.input or [""]
        others = [name for name in others if name]  # those left out have no name
        if maps != current or any(name not in tensors for name in others):
            raise ValueError(f"its node {node.op_type!r} branches off or merges")
        current = node.output[0]
        if node.op_type not in _NOTHING:
            values = {
                name: onnx.helper.get_attribute_value(each)
                for name, each in attributes.items()
            }
            held = [_tensor(onnx, tensors[name]) for name in others]
            steps.append(_Step(node.op_type, values, held))
    if [each.name for each in graph.output] != [current]:
        raise ValueError("its graph answers with something other than its last node")
    return steps


def _tensor(onnx: Any, tensor: Any) -> _Tensor:
    """A tensor, if its values are in the file."""
    name = tensor.name[:40]
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise ValueError(
            f"{name!r} has its values in another file: nothing outside the file is "
            "read; onnx.save(onnx.load(path), new_path) writes all into one"
        )
    if min(tensor.dims, default=1) < 0:
        raise ValueError(f"{name!r} has the shape {list(tensor.dims)}")
    return _Tensor(onnx, tensor)


def _variant(ops: list[str]) -> str:
    """The variant whose nodes these are; the softmax may be missing."""
    shared = -1
    for name in VARIANTS:
        expected = list(_expected_ops(architectures.get(name)))
        found = ops if ops[-1:] == ["Softmax"] else [*ops, "Softmax"]
        found = ["Reshape" if op in _FLAT else op for op in found]
        if found == expected:
            return name
        pairs = itertools.zip_longest(found, expected, fillvalue="the end")
        place, (op, wanted) = next(
            (place, pair) for place, pair in enumerate(pairs) if pair[0] != pair[1]
        )
        if place > shared:
            shared, difference = place, f"node {place + 1} is {op}, not {wanted}"
    raise ValueError(f"its graph is of another network: {difference}")


def _expected_ops(record: Architecture) -> Iterator[str]:
    for convolution in record.convolutions:
        yield "Conv"
        yield from (_OPS[type(stage)] for stage in convolution.stages)
    yield "Reshape"
    for _ in record.dense:
        yield from ("Gemm", "Relu")
    yield from ("Gemm", "Softmax")


def _layers(steps: list[_Step], record: Architecture) -> dict[str, list[np.ndarray]]:
    """The kernel and bias of each layer, after comparing all constants."""
    layers: dict[str, list[np.ndarray]] = {}
    rest = iter(steps)
    maps = 3
    for index, convolution in enumerate(record.convolutions, start=1):
        name = f"conv{index}"
        layers[name] = _convolution(name, next(rest), convolution, maps)
        maps = convolution.filters
        for stage in convolution.stages:
            _check_stage(f"after {name}", next(rest), stage)
    inputs = maps * record.final_map_size(record.input_size) ** 2
    _check_flat(next(rest), inputs)
    for index, units in enumerate((*record.dense, None), start=6):
        name = f"fc{index}"
        layers[name] = _dense(name, next(rest), inputs, units)
        inputs = len(layers[name][1])
        next(rest, None)  # its ReLU, or the softmax
    return layers


def _convolution(
    name: str, step: _Step, record: Convolution, maps: int
) -> list[np.ndarray]:
    size, (before, after) = record.kernel_size, record.padding
    shape = (record.filters, maps // record.groups, size, size)
    _check_arrays(name, step, shape)
    wanted = {
        "auto_pad": b"NOTSET",
        "dilations": [1, 1],
        "group": record.groups,
        "kernel_shape": [size, size],
        "pads": [before, before, after, after],
        "strides": [record.strides] * 2,
    }
    defaults = {"group": 1, "pads": [0] * 4, "strides": [1, 1]}
    _check_attributes(name, step, wanted, defaults)
    return [each.read() for each in step.tensors]


def _dense(name: str, step: _Step, inputs: int, units: int | None) -> list[np.ndarray]:
    """The kernel and bias of a dense layer; `units` is None for that of the classes."""
    found = step.tensors[0].shape[0] if step.tensors and step.tensors[0].shape else 0
    _check_arrays(name, step, (found if units is None else units, inputs))
    wanted = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 1}
    _check_attributes(name, step, wanted, {"transB": 0})
    return [each.read() for each in step.tensors]


def _check_arrays(name: str, step: _Step, shape: tuple[int, ...]) -> None:
    shapes = [each.shape for each in step.tensors]
    if shapes != [shape, shape[:1]]:
        raise ValueError(f"{name} has arrays of {shapes}, not {[shape, shape[:1]]}")


def _check_stage(where: str, step: _Step, stage: Any) -> None:
    if isinstance(stage, LRN):
        wanted: dict[str, Any] = {
            "alpha": stage.scale * stage.size,  # ONNX divides it by the size
            "beta": stage.beta,
            "bias": stage.k,
            "size": stage.size,
        }
        defaults: dict[str, Any] = {"alpha": 1e-4, "beta": 0.75, "bias": 1.0, "size": 0}
        _check_attributes(f"{step.op} {where}", step, wanted, defaults)
    elif isinstance(stage, Pool):
        # The maps of a picture of 227×227 are divided without a remainder: zeros
        # beyond the last row and column, which Caffe's rounding needs, are not read.
        pads = [0, 0, *[min(1, pad) for pad in step.get("pads", [0] * 4)[2:]]]
        wanted = {
            "auto_pad": b"NOTSET",
            "dilations": [1, 1],
            "kernel_shape": [stage.size] * 2,
            "pads": pads,
            "storage_order": 0,
            "strides": [stage.strides] * 2,
        }
        defaults = {"kernel_shape": [], "pads": [0] * 4, "strides": [1, 1]}
        _check_attributes(f"{step.op} {where}", step, wanted, defaults)


def _check_attributes(
    name: str, step: _Step, wanted: dict[str, Any], defaults: dict[str, Any]
) -> None:
    """Raises ValueError unless all attributes are as wanted.

    Args:
        name: What has them, for the message.
        step: The node.
        wanted: Their values by name.
        defaults: What those mean that the node does not give; others are as wanted.
    """
    for attribute, value in wanted.items():
        found = step.get(attribute, defaults.get(attribute, value))
        same = found == value
        if isinstance(value, float):
            same = bool(np.isclose(found, value, rtol=1e-6, atol=0))
        if not same:
            raise ValueError(f"{name} has {attribute}={found}, not {value}")


def _check_flat(step: _Step, inputs: int) -> None:
    """Raises ValueError unless a node flattens the maps of each picture."""
    shape = step.get("shape", None)  # before version 5 of the operators
    if step.tensors and step.tensors[0].shape == (2,):
        shape = step.tensors[0].read().tolist()
    if step.op == "Flatten":
        whole = step.get("axis", 1) == 1
    else:
        whole = shape is not None and len(shape) == 2 and shape[1] in (-1, inputs)
    if not whole:
        raise ValueError(f"{step.op} after the maps makes {shape}, not [-1, {inputs}]")
