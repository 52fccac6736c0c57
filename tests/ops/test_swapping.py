"""Graphs hold stock ops, but where this process runs them the native kernel runs."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet.layers import CrossConnection
from keras_alexnet.ops import LRN, cross_connect, grouped_conv2d

# A NaN shows which one ran: with the native kernel it reaches only the windows that
# hold it; in the composite, a product with a band, it reaches all maps of the pixel.
X = np.ones((2, 4, 4, 12), "float32")
X[..., 0] = np.nan
FAR = 5  # a map whose window does not hold map 0


def seam(x: tf.Tensor) -> tf.Tensor:
    return cross_connect(x, activation=None)


def is_native(y: tf.Tensor) -> bool:
    assert np.isnan(np.asarray(y)[..., 0]).all()
    return bool(np.isfinite(np.asarray(y)[..., FAR]).all())


@pytest.fixture(scope="module")
def model() -> keras.Model:
    inputs = keras.Input((4, 4, 12))
    model = keras.Model(inputs, CrossConnection(activation=None)(inputs))
    model.compile(loss="mse")
    return model


def in_function(model: keras.Model) -> tf.Tensor:
    return tf.function(seam)(X)


def in_nested_functions(model: keras.Model) -> tf.Tensor:
    inner = tf.function(seam)
    return tf.function(lambda x: inner(x))(X)


def in_while(model: keras.Model) -> tf.Tensor:
    @tf.function
    def loop(x: tf.Tensor) -> tf.Tensor:
        y = x
        for _ in tf.range(2):
            y = seam(x)
        return y

    return loop(X)


def in_cond(model: keras.Model) -> tf.Tensor:
    @tf.function
    def either(x: tf.Tensor) -> tf.Tensor:
        return tf.cond(tf.shape(x)[0] > 1, lambda: seam(x), lambda: x)

    return either(X)


def on_a_logical_cpu(model: keras.Model) -> tf.Tensor:
    @tf.function
    def placed(x: tf.Tensor) -> tf.Tensor:
        with tf.device("/CPU:0"):
            return seam(x)

    return placed(X)


def in_a_strategy(model: keras.Model) -> tf.Tensor:
    strategy = tf.distribute.MirroredStrategy(["/CPU:0"])
    return tf.function(lambda x: strategy.run(seam, (x,)))(X)


def in_predict(model: keras.Model) -> tf.Tensor:
    return model.predict(X, verbose=0)


def as_gradient(model: keras.Model) -> tf.Tensor:
    @tf.function
    def slope(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = seam(x)
        return tape.gradient(y, x)

    return slope(X)


def as_gradient_of_a_function(model: keras.Model) -> tf.Tensor:
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.function(seam)(x)
    return tape.gradient(y, x)


@pytest.mark.compat
@pytest.mark.parametrize(
    "run",
    [
        in_function,
        in_nested_functions,
        in_while,
        in_cond,
        on_a_logical_cpu,
        in_a_strategy,
        in_predict,
        as_gradient,
        as_gradient_of_a_function,
    ],
)
def test_here_the_native_kernel_runs(run: Callable, model: keras.Model) -> None:
    assert is_native(run(model))


@pytest.mark.compat
def test_elsewhere_the_composite_runs() -> None:
    concrete = tf.function(seam).get_concrete_function(tf.TensorSpec(X.shape))
    graph = concrete.graph.as_graph_def()
    imported = tf.compat.v1.wrap_function(
        lambda x: tf.graph_util.import_graph_def(
            graph, {concrete.inputs[0].name: x}, [concrete.outputs[0].name]
        ),
        [tf.TensorSpec(X.shape)],
    )
    # It has the same interface, so this process swaps it in an imported graph too.
    assert is_native(*imported(tf.constant(X)))
    assert not is_native(tf.function(seam, jit_compile=True)(X))


def test_a_function_is_not_replaced_by_one_traced_for_other_shapes() -> None:
    compiled = tf.function(
        lambda x, z: (
            cross_connect(x, towers=2, pool_size=2),
            cross_connect(z, towers=3, pool_size=2),
            cross_connect(z, towers=3, pool_size=2, norm=LRN(k=1.0)),
        )
    )
    x = tf.random.stateless_normal([2, 6, 6, 12], [0, 1]) * 30
    z = tf.random.stateless_normal([3, 4, 5, 12], [0, 2]) * 30
    for y, exact in zip(
        compiled(x, z),
        (
            cross_connect(x, towers=2, pool_size=2),
            cross_connect(z, towers=3, pool_size=2),
            cross_connect(z, towers=3, pool_size=2, norm=LRN(k=1.0)),
        ),
        strict=True,
    ):
        np.testing.assert_array_equal(y, exact)


@pytest.mark.compat
def test_stopped_recording_loses_no_gradient() -> None:
    # A traced function is kept and reused: it must be right even if it was traced while
    # recording was stopped.
    x = tf.random.stateless_normal([2, 6, 6, 4], [0, 1])
    kernel = tf.random.stateless_normal([3, 3, 2, 6], [0, 2])

    @tf.function
    def step(x: tf.Tensor, kernel: tf.Tensor, stop: bool) -> list[tf.Tensor]:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([x, kernel])
            y = cross_connect(grouped_conv2d(x, kernel, 2), towers=2)
        if stop:
            with tf.GradientTape() as other, other.stop_recording():
                return tape.gradient(y, [x, kernel])
        return tape.gradient(y, [x, kernel])

    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        y = cross_connect(grouped_conv2d(x, kernel, 2), towers=2)
    exact = tape.gradient(y, [x, kernel])
    for stop in (True, False):
        for ours, theirs in zip(step(x, kernel, stop), exact, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.compat
@pytest.mark.parametrize("kernels", ["auto", "native", "composite"])
def test_stopped_recording_loses_no_second_gradient(kernels: str) -> None:
    x = tf.random.stateless_normal([1, 6, 6, 4], [0, 1])
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(cross_connect(x, towers=2, kernels=kernels) ** 3)
        slope = inner.gradient(y, x)
        recorded = outer.gradient(slope, x)
        with outer.stop_recording():
            stopped = outer.gradient(slope, x)
    assert np.abs(recorded).max() > 0
    np.testing.assert_allclose(stopped, recorded, rtol=1e-5, atol=1e-6)
