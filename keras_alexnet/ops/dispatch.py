"""Which implementation of an op runs: the one setting `kernels=…` of them all."""

from __future__ import annotations

import os
from collections.abc import Sequence

import tensorflow as tf
from tensorflow.python.ops import control_flow_util

from keras_alexnet.ops import native
from keras_alexnet.ops.swapping import being_saved

KERNELS = ("auto", "native", "composite")
VARIABLE = "KERAS_ALEXNET_KERNELS"


def check_kernels(kernels: str) -> str:
    """Returns `kernels`, or raises ValueError where it names no implementation.

    `"composite"` is the op in stock TensorFlow ops, differentiable on every device.
    `"native"` is the kernel of the native library, for a CPU, in every graph too.
    `"auto"` is native where that is possible, while graphs hold the composite (see
    `swapping`); the environment's `KERAS_ALEXNET_KERNELS` says otherwise.
    """
    if kernels not in KERNELS:
        raise ValueError(f"kernels must be one of {KERNELS}. Received: {kernels=}")
    return kernels


def _settled(kernels: str) -> str:
    if check_kernels(kernels) == "auto":
        return check_kernels(os.environ.get(VARIABLE) or "auto")
    return kernels


def asks_native(kernels: str) -> bool:
    """Whether somebody wants the native op itself, in whatever graph."""
    return _settled(kernels) == "native"


def use_native(kernels: str, tensors: Sequence[tf.Tensor]) -> bool:
    """Whether an op on these tensors is to run natively.

    Eagerly it is decided by where the tensors are. In a graph by the device scope, or
    without one by whether a GPU is visible; never within XLA. With `"native"` a
    function that is traced outside of XLA and called within it later keeps its native
    op, which XLA refuses.

    Raises:
        ValueError: If `kernels` is `"native"` and that is not possible.
    """
    kernels = _settled(kernels)
    if kernels == "composite" or (kernels == "auto" and being_saved()):
        return False
    obstacle = _obstacle(tensors)
    if kernels == "native" and obstacle is not None:
        raise ValueError(
            "kernels='native' needs the native library and tensors on a CPU; "
            f"kernels='auto' takes what there is. Received: {obstacle}"
        )
    return obstacle is None


def _obstacle(tensors: Sequence[tf.Tensor]) -> str | None:
    """Why the native kernel cannot take these tensors, or None if it can."""
    if native.native_library() is None:
        return native.why_not()
    if tensors[0].dtype not in native.DTYPES:
        return f"dtype={tensors[0].dtype.name}"
    if tf.executing_eagerly():
        elsewhere = [each.device for each in tensors if "CPU" not in each.device]
        return f"a tensor on {elsewhere[0]}" if elsewhere else None
    if control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()):
        return "a function that XLA compiles"
    scope = tf.raw_ops.NoOp().device  # what the device scope says, if there is one
    if scope and "CPU" not in scope.upper():
        return f"the device scope {scope}"
    if not scope and tf.config.list_physical_devices("GPU"):
        return "a graph that may run on the visible GPU"
    return None
