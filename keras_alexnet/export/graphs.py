"""Checks that the graph of a SavedModel runs on every server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

# Known to TensorFlow in Python, but they call the Python process that made the graph.
_IN_PYTHON = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}
_COMPILED = "_XlaMustCompile"


def read_graph(export: Path) -> Any:
    """The one MetaGraphDef of an export.

    Raises:
        ValueError: If there is no SavedModel.
    """
    saved = saved_model_pb2.SavedModel()
    path = export / "saved_model.pb"
    try:
        saved.ParseFromString(path.read_bytes())
    except (OSError, DecodeError):
        raise ValueError(
            "an export must be the directory of a SavedModel. "
            f"Received: {str(export)!r}, without a readable saved_model.pb"
        ) from None
    if len(saved.meta_graphs) != 1:
        raise ValueError(
            "an export must hold one graph, for serving. "
            f"Received: {str(export)!r} with {len(saved.meta_graphs)}"
        )
    return saved.meta_graphs[0].graph_def


def check_graph(graph: Any) -> set[str]:
    """Returns the ops of a GraphDef, all of them stock ones that run anywhere.

    Raises:
        ValueError: If an op is not TensorFlow's own or needs Python, if XLA must
            compile a part, or if a convolution is grouped.
    """
    ops = set()
    for scope in (graph, *graph.library.function):
        if scope is not graph and scope.attr[_COMPILED].b:
            _refuse(f"the function {scope.signature.name!r}, which XLA must compile")
        for node in _nodes(scope):
            _check_node(node, scope)
            ops.add(node.op)
    return ops


def _check_node(node: Any, scope: Any) -> None:
    if node.op in _IN_PYTHON or not hasattr(tf.raw_ops, node.op):
        _refuse(f"the op {node.op!r}")
    if node.attr[_COMPILED].b:
        _refuse(f"the node {node.name!r}, which XLA must compile")
    if node.op == "Conv2D":
        # Without oneDNN a CPU's kernels refuse grouped convolutions.
        maps = _channels(node.input[0], -1, scope)
        depth = _channels(node.input[1], -2, scope)
        if maps != depth:
            _refuse(f"the grouped convolution {node.name!r}, {maps} maps by {depth}")


def _refuse(what: str) -> None:
    raise ValueError(
        f"an export must hold stock ops that run on every server. Received: {what}"
    )


def _nodes(scope: Any) -> Iterator[Any]:
    return iter(scope.node if hasattr(scope, "node") else scope.node_def)


def _channels(tensor: str, axis: int, scope: Any) -> int:
    """Size of an axis of a tensor, from the shapes that TensorFlow stores.

    Within a function a tensor is `node:output:number`, or the name of an argument.
    """
    name, _, output = tensor.partition(":")
    shapes = _shapes(scope).get(name, ())
    number = int(output.rpartition(":")[2] or 0)
    if number >= len(shapes) or shapes[number].unknown_rank:
        raise ValueError(
            "an export must hold the shapes of its convolutions' inputs. "
            f"Received: {tensor!r} without one"
        )
    return shapes[number].dim[axis].size


def _shapes(scope: Any) -> dict[str, Any]:
    """The shapes that TensorFlow has stored, by the name of node or argument."""
    found = {node.name: node.attr["_output_shapes"] for node in _nodes(scope)}
    if scope.DESCRIPTOR.name == "FunctionDef":
        for index, argument in enumerate(scope.signature.input_arg):
            found[argument.name] = scope.arg_attr[index].attr["_output_shapes"]
    return {name: value.list.shape for name, value in found.items()}
