"""The dense product and its derivatives, against NumPy in float64."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.saved_model.loader_impl import parse_saved_model

from keras_alexnet.ops import dense
from keras_alexnet.ops.dense import FEW

KERNELS = pytest.mark.parametrize("kernels", ["auto", "native", "composite"])
BOUNDS = {"float64": 1e-13, "float32": 2e-6, "float16": 2e-3, "bfloat16": 1.5e-2}
DTYPES = pytest.mark.parametrize("dtype", BOUNDS)
ROWS = pytest.mark.parametrize("rows", [0, 1, 7, 16, 17])
IN, OUT = 33, 21


def operands(rows: int, dtype: str = "float64") -> list[tf.Tensor]:
    """x, kernel, bias and the gradient of y."""
    rng = np.random.default_rng(rows)
    shapes = [rows, IN], [IN, OUT], [OUT], [rows, OUT]
    return [tf.cast(rng.normal(size=shape), dtype) for shape in shapes]


def exact(*tensors: tf.Tensor) -> list[np.ndarray]:
    return [tf.cast(each, "float64").numpy() for each in tensors]


def error(ours: tf.Tensor, expected: np.ndarray) -> float:
    largest = max(np.abs(expected).max(initial=0.0), 1e-30)
    return np.abs(exact(ours)[0] - expected).max(initial=0.0) / largest


def specs(rows: int | None, dtype: str = "float32") -> list[tf.TensorSpec]:
    return [tf.TensorSpec(shape, dtype) for shape in ([rows, IN], [IN, OUT], [OUT])]


@pytest.mark.compat
@KERNELS
@DTYPES
@ROWS
def test_it_is_the_product(kernels: str, dtype: str, rows: int) -> None:
    x, kernel, bias, _ = operands(rows, dtype)
    wide = exact(x, kernel, bias)
    dynamic = tf.function(
        lambda *given: dense(*given, kernels), input_signature=specs(None, dtype)
    )
    for run in (lambda *given: dense(*given, kernels), dynamic):
        y = run(x, kernel, bias)
        assert y.dtype == dtype
        assert y.shape == (rows, OUT)
        assert error(y, wide[0] @ wide[1] + wide[2]) <= BOUNDS[dtype]
    without = dense(x, kernel, kernels=kernels)
    assert error(without, wide[0] @ wide[1]) <= BOUNDS[dtype]


@pytest.mark.compat
@KERNELS
@DTYPES
@ROWS
def test_gradients_are_those_of_the_product(
    kernels: str, dtype: str, rows: int
) -> None:
    x, kernel, bias, upstream = operands(rows, dtype)
    wide_x, wide_kernel, wide_upstream = exact(x, kernel, upstream)
    expected = (
        wide_upstream @ wide_kernel.T,
        wide_x.T @ wide_upstream,
        wide_upstream.sum(axis=0),
    )

    def gradients(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([x, kernel, bias])
            y = dense(x, kernel, bias, kernels)
        return tape.gradient(y, [x, kernel, bias], tf.reshape(upstream, tf.shape(y)))

    dynamic = tf.function(gradients, input_signature=specs(None, dtype))
    for run in (gradients, dynamic):
        found = run(x, kernel, bias)
        for ours, theirs in zip(found, expected, strict=True):
            assert error(ours, theirs) <= 2 * BOUNDS[dtype]


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_xla_compiles_it(dtype: str) -> None:
    x, kernel, bias, _ = operands(5, dtype)
    wide = exact(x, kernel, bias)
    y = tf.function(dense, jit_compile=True)(x, kernel, bias)
    assert error(y, wide[0] @ wide[1] + wide[2]) <= BOUNDS[dtype]


@pytest.mark.compat
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_rows_do_not_depend_on_how_many_there_are(dtype: str) -> None:
    x, kernel, bias, _ = operands(FEW + 1, dtype)
    whole = exact(dense(x, kernel, bias))[0]
    for rows in range(1, FEW + 1):
        assert error(dense(x[:rows], kernel, bias), whole[:rows]) <= BOUNDS[dtype]


@pytest.mark.compat
@pytest.mark.parametrize("rows", [None, 3])
def test_here_the_native_kernel_runs(rows: int | None) -> None:
    # Sums in another order have other bits.
    x = tf.random.stateless_normal([3, 4096], [0, 1])
    kernel = tf.random.stateless_normal([4096, 8], [0, 2])
    spec = [tf.TensorSpec([rows, 4096]), tf.TensorSpec([4096, 8])]
    y = tf.function(dense, input_signature=spec)(x, kernel)
    np.testing.assert_array_equal(y, dense(x, kernel, kernels="native"))
    assert not np.array_equal(y, dense(x, kernel, kernels="composite"))


def cubes(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, kernels: str) -> tf.Tensor:
    return tf.reduce_sum(dense(x, kernel, bias, kernels) ** 3)


def twice(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, kernels: str) -> tf.Tensor:
    """The gradient, by the kernel, of the length of the gradient by x."""
    with tf.GradientTape() as outer:
        outer.watch(kernel)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = cubes(x, kernel, bias, kernels)
        length = tf.reduce_sum(inner.gradient(y, x) ** 2)
    return outer.gradient(length, kernel)


@pytest.mark.compat
@KERNELS
@pytest.mark.parametrize("wrapped", [lambda f: f, tf.function], ids=["eager", "graph"])
def test_second_derivatives(kernels: str, wrapped: Callable) -> None:
    x, kernel, bias, _ = operands(3)

    def length(kernel: np.ndarray) -> float:
        y = exact(x)[0] @ kernel + exact(bias)[0]
        return float((((3 * y**2) @ kernel.T) ** 2).sum())

    found = wrapped(lambda *given: twice(*given, kernels))(x, kernel, bias)
    along, step = np.random.default_rng(9).normal(size=kernel.shape), 1e-6
    ends = [length(exact(kernel)[0] + sign * step * along) for sign in (1, -1)]
    slope = float((exact(found)[0] * along).sum())
    assert slope == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6)


@pytest.mark.compat
@KERNELS
@pytest.mark.parametrize("wrapped", [lambda f: f, tf.function], ids=["eager", "graph"])
def test_forward_mode(kernels: str, wrapped: Callable) -> None:
    x, kernel, bias, _ = operands(3)
    along = tf.constant(np.random.default_rng(9).normal(size=x.shape))

    def slope(x: tf.Tensor) -> tf.Tensor:
        with tf.autodiff.ForwardAccumulator(x, along) as accumulator:
            y = dense(x, kernel, bias, kernels)
        return accumulator.jvp(y)

    np.testing.assert_allclose(
        wrapped(slope)(x), exact(along)[0] @ exact(kernel)[0], rtol=1e-12
    )


def ops_in(graph: tf.compat.v1.GraphDef) -> set[str]:
    inner = (node.op for each in graph.library.function for node in each.node_def)
    return {*(node.op for node in graph.node), *inner}


@pytest.mark.compat
@pytest.mark.parametrize("rows", [None, 2, 64])
def test_graphs_hold_stock_ops(rows: int | None, tmp_path: Path) -> None:
    def step(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = dense(x, kernel, bias)
        return [y, *tape.gradient(y, [x, kernel])]

    concrete = tf.function(step).get_concrete_function(*specs(rows))
    for op in ops_in(concrete.graph.as_graph_def()):
        assert hasattr(tf.raw_ops, op)
    module = tf.Module()
    module.serve = tf.function(dense, input_signature=specs(rows))
    module.serve(*operands(rows or 2, "float32")[:3])
    tf.saved_model.save(module, str(tmp_path))
    proto = parse_saved_model(str(tmp_path))
    found = ops_in(proto.meta_graphs[0].graph_def)
    assert "MatMul" in found
    assert not [op for op in found if not hasattr(tf.raw_ops, op)]


def test_where_it_was_asked_for_graphs_hold_the_native_op() -> None:
    concrete = tf.function(
        lambda *given: dense(*given, kernels="native")
    ).get_concrete_function(*specs(None))
    assert "KerasAlexnet>Dense" in ops_in(concrete.graph.as_graph_def())


X, KERNEL, BIAS = tf.zeros([2, 3]), tf.zeros([3, 4]), tf.zeros([4])


@pytest.mark.compat
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([tf.zeros([2, 3, 3]), KERNEL], r"Received: shapes=\[\[2, 3, 3\], \[3, 4\]\]"),
        ([X, tf.zeros([4, 4])], r"Received: shapes=\[\[2, 3\], \[4, 4\]\]"),
        ([X, KERNEL, tf.zeros([3])], r"\[3, 4\], \[3\]\]"),
        ([X, tf.cast(KERNEL, "float64")], "Received: dtypes=.'float32', 'float64'"),
        ([tf.zeros([2, 3], tf.int32), tf.zeros([3, 4], tf.int32)], "'int32', 'int32'"),
        ([X, KERNEL, BIAS, "fast"], "kernels='fast'"),
    ],
)
def test_bad_arguments_are_named(given: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dense(*given)


def test_shapes_that_do_not_fit_when_it_runs_are_named() -> None:
    loose = [tf.TensorSpec(shape) for shape in ([2, None], [None, None], [None])]
    run = tf.function(lambda *given: dense(*given, "native"), input_signature=loose)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"x \[2, 3\], kernel \[4"):
        run(X, tf.zeros([4, 4]), BIAS)
