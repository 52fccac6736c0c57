"""Which implementation of an op runs, as its argument `kernels=…` asks."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence

import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.ops import control_flow_util

from keras_alexnet.ops import native
from keras_alexnet.ops.swapping import being_saved

KERNELS = ("auto", "native", "composite")
VARIABLE = "KERAS_ALEXNET_KERNELS"
_thread = threading.local()


def check_kernels(kernels: str) -> str:
    """Returns `kernels`, or raises ValueError where it names no implementation.

    `"composite"` computes the op with stock TensorFlow ops, on every device.
    `"native"` uses the kernel of the native library, on a CPU; graphs hold it too.
    `"auto"` runs the native kernel where it can, while graphs hold the composite (see
    `swapping`), unless they never leave this process (`graph_that_stays`). The
    environment variable `KERAS_ALEXNET_KERNELS`, where it is set, takes the place of
    `"auto"`.
    """
    if kernels not in KERNELS:
        raise ValueError(f"kernels must be one of {KERNELS}. Received: {kernels=}")
    return kernels


def resolved(kernels: str) -> str:
    """`kernels`, where it is `"auto"` as the environment variable has it."""
    if check_kernels(kernels) == "auto":
        return check_kernels(os.environ.get(VARIABLE) or "auto")
    return kernels


def native_in_graphs(kernels: str) -> bool:
    """Whether graphs shall hold the native op itself.

    If `kernels` is `"native"`, or if the graph stays in this process.
    """
    return getattr(_thread, "stays", False) or resolved(kernels) == "native"


@contextlib.contextmanager
def graph_that_stays() -> Iterator[None]:
    """The graph that is traced within never leaves this process: a trainer's step.

    So it may hold native ops themselves. A call of a function keeps its arguments until
    it returns; without one, an op can write its result over an input that nothing needs
    any more. In a step of the network this saves the memory of its largest gradients.

    Only this thread's: each replica traces in a thread of its own.
    """
    before = getattr(_thread, "stays", False)
    _thread.stays = True
    try:
        yield
    finally:
        _thread.stays = before


def use_native(kernels: str, tensors: Sequence[tf.Tensor]) -> bool:
    """Whether an op on these tensors shall run natively.

    Eagerly, the devices of the tensors decide. In a graph the device scope decides;
    without a scope, native runs if no GPU is visible. XLA never gets the native op,
    with one exception: with `"native"`, a function that is traced outside of XLA and
    later called within it keeps the native op, and XLA refuses it.

    Raises:
        ValueError: If `kernels` is `"native"` and the native kernel cannot run.
    """
    kernels = resolved(kernels)
    if kernels == "composite" or (kernels == "auto" and being_saved()):
        return False
    obstacle = why_not_native(tensors)
    if kernels == "native" and obstacle is not None:
        raise ValueError(
            "kernels='native' needs the native library and tensors on a CPU; "
            f"use kernels='auto' to run without them. Received: {obstacle}"
        )
    if obstacle is not None and obstacle == native.why_not():
        native.log_its_absence()
    return obstacle is None


def why_not_native(tensors: Sequence[tf.Tensor]) -> str | None:
    """Why the native kernel cannot run on these tensors, or None if it can.

    That there is no library is the reason only where it could run them.
    """
    return _not_for_it(tensors) or native.why_not()


def _not_for_it(tensors: Sequence[tf.Tensor]) -> str | None:
    if tensors[0].dtype not in native.DTYPES:
        return f"dtype={tensors[0].dtype.name}"
    if tf.executing_eagerly():
        elsewhere = [each.device for each in tensors if "CPU" not in each.device]
        return f"a tensor on {elsewhere[0]}" if elsewhere else None
    if control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()):
        return "a function that XLA compiles"
    scope = _scope()
    if scope and "CPU" not in scope.upper():
        return f"the device scope {scope}"
    if not scope and _sees_gpu():
        return "a graph that may run on the visible GPU"
    return None


def on_gpu() -> bool:
    """Whether stock ops that are called here will run on a GPU.

    The device scope decides; without one TensorFlow prefers a GPU that is visible.
    What is traced for a SavedModel may run anywhere, and counts as not on a GPU.
    """
    if being_saved() or not _sees_gpu():
        return False
    scope = _scope()
    return not scope or "GPU" in scope.upper()


def _scope() -> str:
    """The device scope, or "" where there is none."""
    if tf.executing_eagerly():
        return context.context().device_name or ""
    return tf.raw_ops.NoOp().device


def _sees_gpu() -> bool:
    # A physical GPU may be hidden, as by `--devices=CPU:0`.
    return bool(tf.config.get_visible_devices("GPU"))
