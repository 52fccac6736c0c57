"""What TensorFlow's profiler counts in a graph, and the shapes of an imported graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.compat.v1 import profiler
from tensorflow.python.framework import convert_to_constants

import keras_alexnet
from keras_alexnet.ops import cross_connect

# Multiply-adds of the paper's network, layer by layer: output positions × maps ×
# weights of one map.
CONVOLUTIONS = (
    55 * 55 * 96 * (11 * 11 * 3)
    + 27 * 27 * 256 * (5 * 5 * 48)
    + 13 * 13 * 384 * (3 * 3 * 256)
    + 13 * 13 * 384 * (3 * 3 * 192)
    + 13 * 13 * 256 * (3 * 3 * 192)
)
DENSE = 6 * 6 * 256 * 4096 + 4096 * 4096 + 4096 * 1000


def imported(graph: Any) -> tf.Graph:
    with tf.Graph().as_default() as again:
        tf.import_graph_def(graph, name="")
    return again


def frozen(function: Any) -> tf.Graph:
    """The frozen graph, as it is when it is read from a file."""
    constant = convert_to_constants.convert_variables_to_constants_v2(function)
    return imported(constant.graph.as_graph_def())


def itself(function: Any) -> tf.Graph:
    return function.graph


def counted(graph: tf.Graph) -> float:
    """Multiply-adds by TensorFlow's own profiler, which counts each as two."""
    kind = profiler.ProfileOptionBuilder.float_operation()
    options = profiler.ProfileOptionBuilder(kind).with_empty_output().build()
    return profiler.profile(graph, options=options).total_float_ops / 2


@pytest.mark.compat
@pytest.mark.parametrize(
    ("graph_of", "top", "exact"),
    # Frozen without the dense layers, because writing their weights takes long.
    [(itself, True, CONVOLUTIONS + DENSE), (frozen, False, CONVOLUTIONS)],
)
@pytest.mark.parametrize(("kernels", "excess"), [("auto", 0.07), ("native", 0.001)])
def test_the_profiler_counts_the_whole_network(
    graph_of: Callable, top: bool, exact: int, kernels: str, excess: float
) -> None:
    assert CONVOLUTIONS + DENSE == 724_406_816
    shape = None if top else (227, 227, 3)
    model = keras_alexnet.AlexNet(kernels=kernels, include_top=top, input_shape=shape)
    spec = tf.TensorSpec([1, *model.input_shape[1:]])
    function = tf.function(lambda x: model(x, training=False))
    found = counted(graph_of(function.get_concrete_function(spec)))
    # The excess is biases and softmax; in the composite also sums of normalisation.
    assert exact < found < (1 + excess) * exact


@pytest.mark.compat
@pytest.mark.parametrize(
    ("maps", "op", "after"),
    [
        ([[4, 13, 13, 8]], [4, None, None, 8], [4, 6, 6, 8]),
        ([[None, 13, None, 3], [None, 13, 9, 5]], [None] * 3 + [8], [None, 6, 4, 8]),
    ],
)
def test_an_imported_graph_knows_the_shape_of_the_native_op(
    maps: list, op: list, after: list
) -> None:
    @tf.function
    def seam(*maps: tf.Tensor) -> tf.Tensor:
        y = cross_connect(maps, pool_size=3, pool_strides=2, kernels="native")
        return tf.nn.relu(y)

    concrete = seam.get_concrete_function(*map(tf.TensorSpec, maps))
    for graph in (imported(concrete.graph.as_graph_def()), frozen(concrete)):
        ops = [each for each in graph.get_operations() if each.outputs]
        shapes = {each.type: each.outputs[0].shape for each in ops}
        assert shapes["KerasAlexnet>CrossConnect"].as_list() == op
        assert shapes["Relu"].as_list() == after
