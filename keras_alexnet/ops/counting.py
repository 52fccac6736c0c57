"""Floating-point operations within called functions, for TensorFlow's profiler.

`tf.compat.v1.profiler` does not look into the functions that a graph calls, so it would
not count a network's grouped convolutions. TensorFlow looks up the statistics of an op
by the op's type, and all calls have one type. So the statistics registered here serve
every call; a call of a function that is not ours still counts as zero. The native
dense op, which graphs hold where it was asked for, is counted too.
"""

from __future__ import annotations

import contextlib
import math
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import graph_util, ops

_FLOPS = "flops"
_graphs: dict[str, tf.Graph] = {}


def count_within(function: Any) -> None:
    """Lets the profiler count the ops of a ConcreteFunction where a graph calls it."""
    _graphs[tf.compat.as_str(function.name)] = function.graph


def _of_call(graph: tf.Graph, node: Any) -> Any:
    inner = _graphs.get(node.attr["f"].func.name)
    nodes = [] if inner is None else [op.node_def for op in inner.get_operations()]
    found = (ops.get_stats_for_node_def(inner, each, _FLOPS).value for each in nodes)
    return ops.OpStats(_FLOPS, sum(value or 0 for value in found))


with contextlib.suppress(KeyError):  # other code has registered statistics of calls
    ops.RegisterStatistics("PartitionedCall", _FLOPS)(_of_call)


@ops.RegisterStatistics("KerasAlexnet>Dense", _FLOPS)
def _of_dense(graph: tf.Graph, node: Any) -> Any:
    """As TensorFlow counts a MatMul: a multiply-add is two operations."""
    shape = graph_util.tensor_shape_from_node_def_name
    sides = [*shape(graph, node.input[0]), shape(graph, node.input[1])[1]]
    return ops.OpStats(_FLOPS, None if None in sides else 2 * math.prod(sides))
