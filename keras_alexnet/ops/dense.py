"""A dense layer's product: fast for few pictures, and backwards."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_alexnet.ops import native
from keras_alexnet.ops.dispatch import (
    check_kernels,
    native_in_graphs,
    on_gpu,
    use_native,
)
from keras_alexnet.ops.swapping import being_saved, swapped

_INTERFACE = "keras_alexnet dense"
# For more rows TensorFlow's own product is as fast: it packs the kernel in each call,
# which takes longer than the products only where they are few.
FEW = 16


def dense(
    x: Any, kernel: Any, bias: Any | None = None, kernels: str = "auto"
) -> tf.Tensor:
    """Multiplies each row by the kernel and adds the bias.

    `y[n, o] = Σ_i x[n, i] · kernel[i, o] + bias[o]`

    For up to 16 rows the native kernel reads the kernel once, as it is, and sums in
    float32 (float64 for float64); for more TensorFlow's own product runs.

    In float32 and float64 on a CPU the gradient of `x` is computed as `(kernel · dyᵀ)ᵀ`
    and not as `dy · kernelᵀ`: for `fc6` and 64 pictures that takes half the time,
    because oneDNN then need not transpose the kernel. In 16 bits and on a GPU the
    stock form is as fast.

    Args:
        x: `[batch, in]`, floating point.
        kernel: `[in, out]`, of the type of `x`.
        bias: `[out]`, of the type of `x`, or `None`.
        kernels: `"auto"`, `"native"` or `"composite"`.

    Returns:
        `[batch, out]`, of the type of `x`.

    Raises:
        ValueError: If the shapes or types do not fit, or `kernels` is `"native"` and
            the native kernel cannot run.

    Example:

    >>> y = dense(tf.ones([2, 3]), tf.ones([3, 4]), tf.ones([4]))
    >>> y.numpy()[0]
    array([4., 4., 4., 4.], dtype=float32)
    """
    check_kernels(kernels)
    inputs = [tf.convert_to_tensor(each) for each in (x, kernel)]
    if bias is not None:
        inputs.append(tf.convert_to_tensor(bias))
    _check(*inputs)
    rows = inputs[0].shape[0]
    natively = use_native(kernels, inputs) and (rows is None or rows <= FEW)
    if being_saved() and not natively:
        return _stock(*inputs)
    wide = inputs[0].dtype in (tf.float32, tf.float64)
    y = swapped(
        _INTERFACE,
        _stock,
        _fast if natively else _stock,
        gradient=functools.partial(_gradient, transposed=wide and not on_gpu()),
        in_graphs=not natively or native_in_graphs(kernels),
    )(*inputs)
    y.set_shape([rows, inputs[1].shape[1]])
    return y


def _check(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor | None = None) -> None:
    given = [x, kernel] if bias is None else [x, kernel, bias]
    if not x.dtype.is_floating or any(each.dtype != x.dtype for each in given):
        raise ValueError(
            "x, kernel and bias must be floating point, of one type. "
            f"Received: dtypes={[each.dtype.name for each in given]}"
        )
    fit = x.shape.rank == kernel.shape.rank == 2
    fit = fit and x.shape[1:].is_compatible_with(kernel.shape[:1])
    fit = fit and (bias is None or bias.shape.is_compatible_with(kernel.shape[1:]))
    if not fit:
        raise ValueError(
            "x must be [batch, in], the kernel [in, out] and the bias [out]. "
            f"Received: shapes={[each.shape.as_list() for each in given]}"
        )


def _stock(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor | None = None) -> tf.Tensor:
    y = tf.matmul(x, kernel)
    return y if bias is None else tf.nn.bias_add(y, bias)


def _fast(x: tf.Tensor, *kernel_and_bias: tf.Tensor) -> tf.Tensor:
    if x.shape[0] is not None:
        return native.dense(x, *kernel_and_bias)
    return tf.cond(
        tf.shape(x)[0] <= FEW,
        lambda: native.dense(x, *kernel_and_bias),
        lambda: _stock(x, *kernel_and_bias),
    )


def _gradient(
    inputs: Sequence[tf.Tensor], upstream: Sequence[tf.Tensor], transposed: bool
) -> list[tf.Tensor]:
    x, kernel, *bias = inputs
    (dy,) = upstream
    if transposed:
        of_x = tf.transpose(tf.matmul(kernel, dy, transpose_b=True))
    else:
        of_x = tf.matmul(dy, kernel, transpose_b=True)
    found = [of_x, tf.matmul(x, dy, transpose_a=True)]
    if bias:
        found.append(bias_gradient(dy))
    return found


def bias_gradient(dy: tf.Tensor) -> tf.Tensor:
    """`Σ dy[…, o]` over all rows or positions, as a product with ones on a CPU.

    TensorFlow's BiasAddGrad sums in the type of `dy` there: in bfloat16 the sum over 64
    maps of 27x27 is wrong by a third of the largest. A product sums in float32, and is
    faster.

    Args:
        dy: `[…, out]`.

    Returns:
        `[out]`.
    """
    if on_gpu():
        return tf.raw_ops.BiasAddGrad(out_backprop=dy)
    rows = tf.reshape(dy, [-1, dy.shape[-1]])
    ones = tf.ones([1, tf.shape(rows)[0]], dy.dtype)
    return tf.matmul(ones, rows)[0]
