"""The native library: found, loaded once, and called."""

from __future__ import annotations

import ctypes
import functools
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

LIBRARY = Path(__file__).parent / (
    "libkeras_alexnet.dylib" if sys.platform == "darwin" else "libkeras_alexnet.so"
)
SYSTEM = sys.platform
_log = logging.getLogger("keras_alexnet")
DTYPES = (tf.float16, tf.bfloat16, tf.float32, tf.float64)


@functools.cache
def _load() -> tuple[Any, str | None]:
    """The module of ops and None, or None and the reason why there is no module."""
    if not LIBRARY.is_file():
        return None, f"{LIBRARY.name} was not built with this installation"
    try:
        ops = tf.load_op_library(str(LIBRARY))
    except (tf.errors.OpError, OSError, RuntimeError) as error:
        return None, f"{LIBRARY} did not load: {' '.join(str(error).split())}"
    if not hasattr(ops, "keras_alexnet_cross_connect"):
        return None, f"{LIBRARY} registered no op: {_described()['error']}"
    return ops, None


def native_library() -> str | None:
    """Loads the native library, if it is not loaded yet, and returns its path.

    Returns:
        The path of the loaded library, or None where there is none: the ops then run
        in stock TensorFlow. `python -m keras_alexnet.doctor` prints the reason.

    Example:

    >>> native_library() is None or native_library().endswith(("so", "dylib"))
    True
    """
    return None if _load()[0] is None else str(LIBRARY)


def why_not() -> str | None:
    """Why there is no native library, or None if there is one."""
    return _load()[1]


def what_to_do() -> str:
    """How to get the library, where there is none."""
    if (LIBRARY.parents[2] / "ops" / "build.py").is_file():
        return "run it outside of the checkout, whose package has no library"
    if not possible():
        return f"there is none for {SYSTEM}, where results are the same"
    if LIBRARY.is_file():
        return "install keras-alexnet again"
    return (
        "install the wheel of this platform, or a C++17 compiler and keras-alexnet "
        "from its sources"
    )


def possible() -> bool:
    """Whether there is a library for this system, or one can be built."""
    return SYSTEM in ("linux", "darwin")


@functools.cache
def log_its_absence() -> None:
    """Logs, once in a process, that the portable form runs in place of the library."""
    if possible():
        _log.warning(
            "the ops run in stock TensorFlow, slower than natively: %s; %s",
            why_not(),
            what_to_do(),
        )


def describe() -> dict[str, Any]:
    """What the library reports: its version, instruction set, threads and ops."""
    return {} if native_library() is None else _described()


def _described() -> dict[str, Any]:
    function = ctypes.CDLL(str(LIBRARY)).keras_alexnet_describe
    function.restype = ctypes.c_char_p
    return json.loads(function())


def cross_connect(
    *maps: tf.Tensor, shape: Sequence[int | None], **attributes: Any
) -> tf.Tensor:
    """Runs the native op on tensors that have been checked.

    Args:
        *maps: Each `[B, H, W, C_t]`, of one of `DTYPES`, on a CPU.
        shape: The shape of the joined maps, with None for what is not known.
        **attributes: The attributes of the op `KerasAlexnet>CrossConnect`.
    """
    joined = _load()[0].keras_alexnet_cross_connect(maps=maps, **attributes)
    if tf.executing_eagerly():
        return joined
    # The op's own shape function cannot read the pool (`ops/adapter/shapes.cpp`). So
    # the shape is stored in the graph, where importing the graph finds it.
    return tf.ensure_shape(joined, shape)


def cross_connect_gradient(
    *maps_and_upstream: tf.Tensor, **attributes: Any
) -> list[tf.Tensor]:
    """Runs the native gradient, which needs only the maps of the forward pass.

    Args:
        *maps_and_upstream: The maps, then the gradient of the joined maps.
        **attributes: The attributes of the op `KerasAlexnet>CrossConnect`.

    Returns:
        The gradient of each of the maps.
    """
    *maps, upstream = maps_and_upstream
    return _load()[0].keras_alexnet_cross_connect_grad(
        maps=maps, gradient=upstream, **attributes
    )


def dense(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor | None = None) -> tf.Tensor:
    """Runs the native op `KerasAlexnet>Dense` on tensors that have been checked.

    Args:
        x: `[batch, in]`, of one of `DTYPES`, on a CPU.
        kernel: `[in, out]`.
        bias: `[out]`; zeros by default.
    """
    if bias is None:
        bias = tf.zeros(tf.shape(kernel)[1:], kernel.dtype)
    return _load()[0].keras_alexnet_dense(x=x, kernel=kernel, bias=bias)


def update(
    rule: str,
    state: list[tf.Tensor],
    beside: tf.Tensor,
    gradient: tf.Tensor,
    numbers: tf.Tensor,
) -> list[tf.Tensor]:
    """Runs the native op `KerasAlexnet>Update`.

    Args:
        rule: `"velocity"`, `"moved"`, `"nesterov"`, `"adam"` or `"average"`: what each
            computes, and from what, is in `ops/core/update.h`.
        state: What is updated, float32, on a CPU. All that follows has its shape.
        beside: What the rule only reads, float32; any if it reads nothing.
        gradient: float32 or bfloat16.
        numbers: Those of the rule, and whether to update.

    Returns:
        The new state.
    """
    return _load()[0].keras_alexnet_update(
        state=state, beside=beside, gradient=gradient, numbers=numbers, rule=rule
    )
