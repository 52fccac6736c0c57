"""Graphs that hold stock ops, and run something faster in this process.

A graph can leave a process in many forms (SavedModel, frozen graph, GraphDef, ONNX,
TFLite, HLO), and most of them are written without any of our code being called. So no
graph may hold an op that cannot run elsewhere: it calls a function of stock ops. In
this process a faster function is registered under the same interface name. Where this
process runs the graph on a device that the faster function is for, TensorFlow's graph
optimiser calls that function instead. (Keras chose cuDNN for its LSTM in this way; see
TensorFlow's `grappler/optimizers/implementation_selector.h`.) The faster function is
only in this process' function library, never in the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.saved_model import save_context

from keras_alexnet.ops.counting import count_within
from keras_alexnet.ops.own_gradient import (
    Function,
    Gradient,
    has_tangents,
    with_gradient,
)

# Functions by interface, shapes and devices. They stay for the life of the process.
_traced_functions: dict[tuple[Any, ...], tuple[Function, ...]] = {}
_gradients: dict[str, Gradient] = {}


def being_saved() -> bool:
    """Whether TensorFlow is tracing for a SavedModel."""
    return save_context.in_save_context()


def swapped(
    interface: str,
    stock: Function,
    fast: Function,
    *,
    gradient: Gradient | None = None,
    devices: Sequence[str] = ("CPU",),
    in_graphs: bool = False,
) -> Function:
    """A differentiable function: `fast` in this process, while its graphs hold `stock`.

    Its gradient is `gradient`. The gradient of `gradient` is that of the ops in it, so
    higher derivatives work; forward-mode derivatives are those of `stock`.

    Args:
        interface: The name of what both compute. TensorFlow may replace a function by
            any other of the same name, so the name must settle the result.
        stock: Made of stock ops, differentiable any number of times.
        fast: Computes the same on `devices` of this process; needs no gradient.
        gradient: Takes the inputs and the gradients of the outputs, and gives the
            gradients of the inputs; the gradient of `stock` by default.
        devices: The kinds of devices that `fast` is for.
        in_graphs: Whether graphs hold `fast` itself.

    Returns:
        A function of the same inputs and outputs.
    """

    compute = swapped_changes(
        interface, stock, fast, devices=devices, in_graphs=in_graphs
    )

    def forward(*inputs: tf.Tensor) -> Any:
        # The gradient is `back` alone: nothing may differentiate the ops in here.
        return compute(*[tf.stop_gradient(x) for x in inputs])

    def back(
        inputs: Sequence[tf.Tensor], upstream: Sequence[tf.Tensor]
    ) -> Sequence[tf.Tensor]:
        # Copies in the gradient's graph: its own gradient looks for them there.
        here = [tf.identity(x) for x in inputs]
        return (gradient or gradient_of(interface, stock))(here, upstream)

    run = with_gradient(forward, back)

    def call(*inputs: tf.Tensor) -> Any:
        # Forward mode needs the ops themselves: a custom gradient does not support it.
        if has_tangents(inputs):
            return stock(*inputs)
        return run(*inputs)

    return call


def swapped_changes(
    interface: str,
    stock: Function,
    fast: Function,
    *,
    devices: Sequence[str] = ("CPU",),
    in_graphs: bool = False,
) -> Function:
    """As `swapped`, without a gradient of its own: for functions that change variables.

    Their handles are among the inputs.
    """

    def call(*inputs: tf.Tensor) -> Any:
        if in_graphs or tf.executing_eagerly():
            return fast(*inputs)
        if being_saved() or not tf.compat.v1.executing_eagerly_outside_functions():
            return stock(*inputs)
        specs = tuple(tf.TensorSpec(x.shape, x.dtype) for x in inputs)
        return _traced(interface, specs, stock, fast, devices)(*inputs)

    return call


def gradient_of(interface: str, function: Function) -> Gradient:
    """The gradient of a function of tensors; zeros where it does not depend on one.

    It is made in a graph, not with a tape: within another tape's `stop_recording` a
    tape records nothing and would give zeros.

    Args:
        interface: The name of what the function computes.
        function: Made of ops that have gradients.
    """

    def gradient(
        inputs: Sequence[tf.Tensor], upstream: Sequence[tf.Tensor]
    ) -> Sequence[tf.Tensor]:
        if tf.executing_eagerly():
            return _compiled(interface, gradient)(list(inputs), list(upstream))
        # Copies of the inputs, because one input may depend on another.
        sources = [tf.identity(x) for x in inputs]
        return tf.gradients(
            tf.nest.flatten(function(*sources)),
            sources,
            list(upstream),
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )

    return gradient


def _compiled(interface: str, gradient: Gradient) -> Gradient:
    if interface not in _gradients:
        _gradients[interface] = tf.function(gradient, autograph=False)
    return _gradients[interface]


def _traced(
    interface: str,
    specs: tuple[tf.TensorSpec, ...],
    stock: Function,
    fast: Function,
    devices: Sequence[str],
) -> Function:
    """The function of stock ops; it and the fast ones are registered first."""
    key = (interface, specs, tuple(devices))
    if key not in _traced_functions:
        # The name holds the shapes, because TensorFlow may replace a function by
        # another of the same name. init_scope and no device: any graph can call them.
        name = f"{interface} of {[(s.dtype.name, s.shape.as_list()) for s in specs]}"
        with tf.init_scope(), tf.device(None):
            others = [_concrete(fast, specs, name, device) for device in devices]
            portable = _concrete(stock, specs, name)
            _traced_functions[key] = (portable, *others)
            count_within(portable)
    return _traced_functions[key][0]


def _concrete(
    function: Function,
    specs: tuple[tf.TensorSpec, ...],
    name: str,
    device: str | None = None,
) -> Function:
    attributes = {"api_implements": name}
    if device is not None:
        attributes["api_preferred_device"] = device
    return tf.function(
        function,
        input_signature=specs,
        autograph=False,
        experimental_attributes=attributes,
    ).get_concrete_function()
