"""Floating-point operations within called functions, for TensorFlow's profiler.

`tf.compat.v1.profiler` looks into no function that a graph calls, so that a network
would seem to do without its grouped convolutions. TensorFlow asks for statistics by the
type of an op, here that of all calls; those of other people's functions count for
nothing, as before.
"""

from __future__ import annotations

import contextlib
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import ops

_FLOPS = "flops"
_graphs: dict[str, tf.Graph] = {}


def count_within(function: Any) -> None:
    """Lets the profiler count what is in a ConcreteFunction where a graph calls it."""
    _graphs[tf.compat.as_str(function.name)] = function.graph


def _of_call(graph: tf.Graph, node: Any) -> Any:
    inner = _graphs.get(node.attr["f"].func.name)
    nodes = [] if inner is None else [op.node_def for op in inner.get_operations()]
    found = (ops.get_stats_for_node_def(inner, each, _FLOPS).value for each in nodes)
    return ops.OpStats(_FLOPS, sum(value or 0 for value in found))


with contextlib.suppress(KeyError):  # somebody else counts what is in functions
    ops.RegisterStatistics("PartitionedCall", _FLOPS)(_of_call)
