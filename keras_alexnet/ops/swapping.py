"""Graphs that hold stock ops, and run something faster in this process.

A graph leaves a process by many doors (SavedModel, frozen graph, GraphDef, ONNX,
TFLite, HLO), and few of them run a line of ours. So no graph holds what cannot run
elsewhere: it calls a function of stock ops. This process knows another function by the
same interface, and where it runs the graph on a device that the other one is for,
TensorFlow's graph optimiser puts that into the call. (So did Keras choose cuDNN for its
LSTM; `grappler/optimizers/implementation_selector.h` of TensorFlow.) The other function
is in the process' own library, never in the graph: who gets the graph gets no trace of
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import forwardprop_util
from tensorflow.python.saved_model import save_context

from keras_alexnet.ops.counting import count_within
from keras_alexnet.ops.own_gradient import Function, Gradient, with_gradient

# What is in here stays known to the process, as the ops of a library do.
_known: dict[tuple[Any, ...], tuple[Function, ...]] = {}
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
    asked: bool = False,
) -> Function:
    """A function that is `fast` where it runs here, and `stock` in any graph.

    Its gradient is `gradient`, and that gradient's is the gradient of its ops, so that
    it can be differentiated again, and forward.

    Args:
        interface: What both compute: functions of one name are taken for equal.
        stock: In stock ops, differentiable any number of times.
        fast: The same, for `devices` of this process; needs no gradient.
        gradient: From the inputs and the gradients of the outputs to those of the
            inputs; that of `stock` by default.
        devices: The kinds of devices that `fast` is for.
        asked: Whether graphs hold `fast` itself, because somebody wants that.

    Returns:
        A function of the same inputs and outputs.
    """

    def forward(*inputs: tf.Tensor) -> Any:
        # The gradient is ours alone: nothing differentiates what is done in here.
        held = [tf.stop_gradient(x) for x in inputs]
        if asked or tf.executing_eagerly():
            return fast(*held)
        if being_saved() or not tf.compat.v1.executing_eagerly_outside_functions():
            return stock(*held)
        specs = tuple(tf.TensorSpec(x.shape, x.dtype) for x in held)
        return _traced(interface, specs, stock, fast, devices)(*held)

    def back(
        inputs: Sequence[tf.Tensor], upstream: Sequence[tf.Tensor]
    ) -> Sequence[tf.Tensor]:
        # Of the graph that the gradient is in, which its own gradient looks for.
        here = [tf.identity(x) for x in inputs]
        return (gradient or gradient_of(interface, stock))(here, upstream)

    run = with_gradient(forward, back)

    def call(*inputs: tf.Tensor) -> Any:
        # Forward mode asks each op for itself; a custom gradient has no answer.
        if forwardprop_util.pack_tangents(list(inputs)).tangents:
            return stock(*inputs)
        return run(*inputs)

    return call


def gradient_of(interface: str, function: Function) -> Gradient:
    """The gradient of a function of tensors; zeros where it does not depend on one.

    It is made in a graph, not by a tape: a tape records nothing, and would give zeros,
    where somebody has stopped recording.

    Args:
        interface: What the function computes.
        function: In ops that have gradients.
    """

    def gradient(
        inputs: Sequence[tf.Tensor], upstream: Sequence[tf.Tensor]
    ) -> Sequence[tf.Tensor]:
        if tf.executing_eagerly():
            return _compiled(interface, gradient)(list(inputs), list(upstream))
        # Tensors of their own: one input may depend on another.
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
    """The function of stock ops, after the others have been made known."""
    key = (interface, specs)
    if key not in _known:
        # Shapes are in the name, because functions of one name may take the place of
        # each other; init_scope and no device, because they will do in any graph.
        name = f"{interface} of {[(s.dtype.name, s.shape.as_list()) for s in specs]}"
        with tf.init_scope(), tf.device(None):
            others = [_concrete(fast, specs, name, device) for device in devices]
            portable = _concrete(stock, specs, name)
            _known[key] = (portable, *others)
            count_within(portable)
    return _known[key][0]


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
