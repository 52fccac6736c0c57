"""Gradients of the package's own: they hold no graph, and go into SavedModels."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet.ops import cross_connect, grouped_conv2d
from keras_alexnet.ops.own_gradient import with_gradient

KERNEL = np.linspace(-1, 1, 3 * 3 * 4 * 8, dtype="float32").reshape(3, 3, 4, 8)


def seam(kernels: str) -> Callable[[tf.Tensor], tf.Tensor]:
    return lambda x: cross_connect(x, pool_size=2, kernels=kernels)


OPS = {
    "native seam": seam("native"),
    "composite seam": seam("composite"),
    "seam": seam("auto"),
    "grouped convolution": lambda x: grouped_conv2d(x, KERNEL, groups=2),
}


@pytest.mark.compat
@pytest.mark.parametrize("name", OPS)
def test_a_graph_is_freed_with_all_that_it_captured(name: str) -> None:
    # The weights of a network are captured in this way by its functions.
    def traced_graph() -> weakref.ref:
        scale = tf.Variable(tf.fill([2, 6, 6, 8], 2.0))

        def gradients(x: tf.Tensor) -> list[tf.Tensor]:
            with tf.GradientTape() as tape:
                y = tf.reduce_sum(OPS[name](x * scale))
            return tape.gradient(y, scale)

        traced = tf.function(gradients).get_concrete_function(
            tf.TensorSpec([2, 6, 6, 8])
        )
        assert np.any(traced(tf.ones([2, 6, 6, 8])))
        return weakref.ref(traced.graph)

    graph = traced_graph()
    gc.collect()
    assert graph() is None


@pytest.mark.compat
@pytest.mark.parametrize("traced_before", [False, True])
@pytest.mark.parametrize("name", OPS)
def test_a_saved_model_has_the_gradient(
    name: str, traced_before: bool, tmp_path: Path
) -> None:
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 8)).astype("float32")
    module = tf.Module()
    module.run = tf.function(OPS[name], [tf.TensorSpec([None, 6, 6, 8])])
    if traced_before:
        module.run(x)
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path)).run
    found, expected = (gradient_of(each, x) for each in (loaded, OPS[name]))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert np.abs(expected).max() > 0.1


def gradient_of(function: Callable[[tf.Tensor], tf.Tensor], x: np.ndarray) -> tf.Tensor:
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x)


@pytest.mark.compat
@pytest.mark.parametrize("graph", [False, True])
def test_it_replaces_the_gradient_of_the_ops(graph: bool) -> None:
    # d(x² y)/d(x, y) = (2xy, x²), given three times as large, for either output.
    def gradient(inputs: list[tf.Tensor], upstream: list[tf.Tensor]) -> list[tf.Tensor]:
        (x, y), (u, v) = inputs, upstream
        return [3 * (u + v) * 2 * x * y, 3 * (u + v) * x * x]

    twice = with_gradient(lambda x, y: [x * x * y, x * x * y], gradient)

    def gradients(x: tf.Tensor, y: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            first, second = twice(x, y)
            total = first + 10 * second
        return tape.gradient(total, [x, y])

    run = tf.function(gradients) if graph else gradients
    found = run(tf.constant(2.0), tf.constant(5.0))
    np.testing.assert_array_equal(found, [3 * 11 * 20, 3 * 11 * 4])
