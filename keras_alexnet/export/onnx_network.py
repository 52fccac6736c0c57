"""The layers of a model as one row of nodes in ONNX, if they are in a row."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet.export.onnx_graph import Graph
from keras_alexnet.export.onnx_layers import add_layer, check_known


def add_network(graph: Graph, model: keras.Model) -> None:
    """Adds the layers of a model, in their order.

    Raises:
        ValueError: If a layer has no form here, or the layers are not in a row.
    """
    for layer in layers_of(model):
        check_known(layer)
    side = model.input_shape[1]
    drawn = np.random.default_rng(0).normal(0, 60, [2, side, side, 3])
    try:
        _add_row(graph, model, tf.constant(drawn, tf.float32))
    except (_NoRow, tf.errors.OpError) as error:
        raise ValueError(
            "a model for ONNX must be one row of layers, each of which reads the one "
            f"before. Received: {model.name!r}, whose layers are not"
        ) from error


class _NoRow(Exception):
    """A model's layers, one after the other, do not compute what the model does."""


def _add_row(graph: Graph, model: keras.Model, x: tf.Tensor) -> tf.Tensor:
    """Adds the layers of a model, and runs them on pictures one after the other.

    A model can be any graph of layers. What each of its layers gives within it must be
    what it gives in this row.
    """
    inputs = keras.layers.InputLayer
    layers = [each for each in model.layers if not isinstance(each, inputs)]
    single = [layer for layer in layers if not hasattr(layer, "layers")]
    try:
        outputs = [*model.outputs, *(layer.output for layer in single)]
        last, *found = keras.Model(model.inputs, outputs)(x, training=False)
    except (AttributeError, ValueError) as error:  # a layer of another graph
        raise _NoRow from error
    exact = dict(zip([layer.name for layer in single], found, strict=True))
    for layer in layers:
        if layer.name not in exact:
            x = _add_row(graph, layer, x)
            continue
        add_layer(graph, layer, tuple(x.shape)[1:])
        x = _given(layer, x)
        _check_same(x, exact[layer.name])
    _check_same(x, last)
    return x


def _given(layer: keras.layers.Layer, x: tf.Tensor) -> tf.Tensor:
    try:
        return layer(x)
    except ValueError as error:  # of a shape that it cannot read
        raise _NoRow from error


def _check_same(x: tf.Tensor, exact: tf.Tensor) -> None:
    # Not in the type of the layers: NumPy has no bfloat16.
    found, wanted = (tf.cast(each, tf.float32) for each in (x, exact))
    if x.shape != exact.shape or not np.allclose(found, wanted, rtol=1e-3, atol=1e-5):
        raise _NoRow


def layers_of(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a model and of those within it, in their order, without inputs."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from layers_of(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            yield layer
