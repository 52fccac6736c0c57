"""A function of tensors with a gradient of its own, which lets its graph go.

`tf.custom_gradient` registers each gradient for the life of the process, and with it
the tensors that the gradient needs: so their graph, and all that the graph captured,
such as the weights of a network, are never freed
(`_graph_mode_decorator` in `tensorflow/python/ops/custom_gradient.py`, TensorFlow 2.15
to 2.21). What is registered here finds these tensors by the op that they enter.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import forwardprop_util, record

Function = Callable[..., Any]  # from tensors to a tensor or a list of tensors
Gradient = Callable[[Sequence[tf.Tensor], Sequence[tf.Tensor]], Sequence[tf.Tensor]]

_numbers = itertools.count()


def has_tangents(inputs: Sequence[tf.Tensor]) -> bool:
    """Whether a forward-mode derivative is computed, which a gradient cannot give."""
    return bool(forwardprop_util.pack_tangents(list(inputs)).tangents)


def with_gradient(function: Function, gradient: Gradient) -> Function:
    """A function that is differentiated by `gradient`, not by its ops.

    Args:
        function: From tensors to a tensor or a list of tensors; it reads no variables.
        gradient: From the inputs and the gradients of the outputs to those of the
            inputs. It must hold no tensor of a graph.

    Returns:
        A function of the same inputs and outputs.
    """

    @tf.custom_gradient
    def eagerly(*inputs: tf.Tensor) -> tuple[Any, Function]:
        return function(*inputs), lambda *upstream: gradient(inputs, upstream)

    def call(*inputs: tf.Tensor) -> Any:
        if tf.executing_eagerly():
            return eagerly(*inputs)
        outputs = function(*inputs)
        several = isinstance(outputs, (list, tuple))
        found = _in_graph(list(outputs) if several else [outputs], inputs, gradient)
        return found if several else found[0]

    return call


def _in_graph(
    outputs: Sequence[tf.Tensor], inputs: Sequence[tf.Tensor], gradient: Gradient
) -> list[tf.Tensor]:
    """The outputs of an op whose gradient is registered as `gradient`."""
    name = f"KerasAlexnetGradient{next(_numbers)}"
    graph: Any = tf.compat.v1.get_default_graph()
    reference: Any = weakref.ref(graph)
    count = len(outputs)

    def differentiate(op: tf.Operation, upstream: Sequence[tf.Tensor]) -> list[Any]:
        return [None] * count + list(gradient(op.inputs[count:], upstream[:count]))

    @tf.RegisterGradient(name)
    def of_op(op: tf.Operation | None, *upstream: tf.Tensor) -> list[Any]:
        # A SavedModel's gradients are traced without the op.
        return differentiate(op or reference().get_operation_by_name(place), upstream)

    with graph.gradient_override_map({"IdentityN": name}):
        found = tf.identity_n([*outputs, *inputs])
    op = found[0].op
    place = op.name
    # In place of what the tape has recorded of the op.
    record.record_operation(
        "IdentityN",
        found,
        [*outputs, *inputs],
        lambda *upstream: differentiate(op, upstream),
    )
    return found[:count]
