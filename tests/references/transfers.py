"""What a step sends from device to device, by the graphs that TensorFlow ran."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.ops import cond_v2

# Of a function as a whole, and of the branches of a `tf.cond`.
_CONTROL = ("GroupCrossDeviceControlEdges", "/ctrl/")


class Transfer(NamedTuple):
    """A tensor that one device sends to another."""

    tensor: str
    source: str
    destination: str
    shape: tuple[int, ...]
    bytes: int


class Partition(NamedTuple):
    """What one device did: names of operations by their type."""

    device: str
    operations: dict[str, list[str]]


def partitioned(
    step: Callable[..., Any], *inputs: Any
) -> tuple[list[Transfer], list[Partition]]:
    """Runs a `tf.function` for the first time; gives what was sent, and what was done.

    Args:
        step: Not called before: the graphs are cut up once.
        *inputs: What it is called with, of static shapes.
    """
    context.enable_run_metadata()
    try:
        step(*inputs)
        metadata = context.export_run_metadata()
    finally:
        context.disable_run_metadata()
    concrete = step.get_concrete_function(*inputs)
    parts = [each for run in metadata.function_graphs for each in run.partition_graphs]
    sent = [
        _transfer(node, part, concrete)
        for part in parts
        for node in part.node
        if node.op in ("_Send", "_HostSend")
    ]
    return sent, [_partition(part) for part in parts]


def _transfer(node: Any, part: Any, concrete: Any) -> Transfer:
    name = _origin(node.input[0], part)
    arguments = [each.name for each in concrete.function_def.signature.input_arg]
    try:
        tensor = (
            concrete.inputs[arguments.index(name)]
            if name in arguments
            else _tensor(name if ":" in name else f"{name}:0", concrete.graph)
        )
        shape, size = tuple(tensor.shape), tensor.dtype.size
    except KeyError:  # TensorFlow's own, to run things in order
        shape, size = (), 4
        assert any(kind in name for kind in _CONTROL), name
    return Transfer(
        name,
        _short(node.attr["send_device"].s.decode()),
        _short(node.attr["recv_device"].s.decode()),
        shape,
        int(np.prod(shape)) * size,
    )


def _origin(name: str, part: Any) -> str:
    """The tensor that a branch of a `tf.cond` is given under another name."""
    nodes = {node.name: node for node in part.node}
    while True:
        node = nodes.get(name.partition(":")[0])
        copied = node is not None and node.op == "Identity" and "/input/_" in node.name
        if not copied and (node is None or node.op != "Switch"):
            return name
        name = node.input[0]


def _tensor(name: str, graph: tf.Graph) -> tf.Tensor:
    """The tensor of this name, which may be of a branch of a `tf.cond`."""
    inside = re.fullmatch(r"([^/]+)/(then|else)/_\d+/(.+)", name)
    if inside is None:
        return graph.get_tensor_by_name(name)
    branches = cond_v2.get_func_graphs(graph.get_operation_by_name(inside[1]))
    return _tensor(inside[3], branches[inside[2] == "else"])


def _partition(graph: Any) -> Partition:
    devices = {_short(node.device) for node in graph.node if node.device}
    operations: dict[str, list[str]] = {}
    for node in graph.node:
        operations.setdefault(node.op, []).append(node.name)
    (device,) = devices
    return Partition(device, operations)


def _short(device: str) -> str:
    return "/" + device.rpartition("device:")[2]
