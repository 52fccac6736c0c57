"""Normalisation and seam as a graph holds them where TensorFlow sees a GPU.

No GPU is needed: the graphs are made for one, and run on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from seam_reference import crossed, normalized
from virtual_gpu import moved

from keras_alexnet.ops import LRN, cross_connect, local_response_normalization
from keras_alexnet.ops.normalization import by_band, by_shifts, by_stock_op

# TensorFlow's own op computes these on a GPU.
WITHIN = [
    LRN(),
    LRN(alpha_mode="mean"),
    LRN(size=3, k=1.0, alpha=0.3, beta=0.5),
    LRN(size=15, k=1e-5, alpha=0.2, beta=0.01),
]
BEYOND = [
    LRN(size=1, k=1.0, alpha=0.3, beta=0.5),
    LRN(size=4, k=0.5, alpha=0.2, beta=1.3, alpha_mode="mean"),
    LRN(size=17, k=3.0, alpha=0.1, beta=0.75),
    LRN(k=1e-6),
    LRN(beta=0.005),
]


@pytest.fixture(autouse=True)
def _a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes TensorFlow report a visible GPU, on which nothing can run."""
    seen = {"GPU": ["GPU:0"]}
    monkeypatch.setattr(
        tf.config, "get_visible_devices", lambda kind=None: seen.get(kind, [])
    )


def lrn_of(x: tf.Tensor, lrn: LRN, towers: int = 2) -> tf.Tensor:
    return local_response_normalization(
        x,
        lrn.size,
        lrn.k,
        lrn.alpha,
        lrn.beta,
        lrn.alpha_mode,
        towers,
        kernels="composite",
    )


def with_gradient(function: Callable, x: tf.Tensor, upstream: tf.Tensor) -> tuple:
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return y, tape.gradient(y, x, upstream)


def graph_of(function: Callable, *specs: tf.TensorSpec) -> tf.Graph:
    return tf.function(function).get_concrete_function(*specs).graph


def kinds(graph: tf.Graph) -> set[str]:
    """The types of all ops, those of called functions included."""
    definition = graph.as_graph_def()
    called = [node for each in definition.library.function for node in each.node_def]
    return {node.op for node in [*definition.node, *called]}


def numbers(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, shape).astype("float32")


@pytest.mark.compat
@pytest.mark.parametrize("lrn", WITHIN + BEYOND, ids=str)
@pytest.mark.parametrize(("channels", "towers"), [(6, 1), (12, 3), (96, 2)])
def test_it_is_the_formula(lrn: LRN, channels: int, towers: int) -> None:
    x = numbers((2, 3, 4, channels), 0)
    expected = normalized(x, lrn, towers)
    for run in (lrn_of, tf.function(lrn_of)):
        error = np.abs(run(tf.constant(x), lrn, towers).numpy() - expected).max()
        assert error <= 3e-6 * np.abs(expected).max()


@pytest.mark.parametrize("lrn", WITHIN + BEYOND, ids=str)
@pytest.mark.parametrize("towers", [1, 2])
def test_gradient_is_that_of_finite_differences(lrn: LRN, towers: int) -> None:
    x, upstream = (numbers((1, 2, 1, 8), seed) for seed in (1, 2))
    _, found = with_gradient(
        lambda x: lrn_of(x, lrn, towers), tf.constant(x), tf.constant(upstream)
    )
    for index in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[index] = 1e-5
        ends = [normalized(x + sign * step, lrn, towers) for sign in (1, -1)]
        slope = ((ends[0] - ends[1]) * upstream).sum() / 2e-5
        assert float(found[index]) == pytest.approx(slope, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("lrn", WITHIN, ids=str)
def test_values_and_gradients_are_those_of_the_other_forms(
    lrn: LRN, dtype: str
) -> None:
    x, u = (tf.cast(numbers((2, 5, 5, 96), seed), dtype) for seed in (3, 4))
    ours = with_gradient(lambda x: lrn_of(x, lrn), x, u)
    for form in (by_band, by_shifts):
        other = form(lrn, (48, 48))
        wide = with_gradient(other, tf.cast(x, "float32"), tf.cast(u, "float32"))
        for one, two in zip(ours, wide, strict=True):
            scale = float(tf.reduce_max(tf.abs(two)))
            far = float(tf.reduce_max(tf.abs(tf.cast(one, "float32") - two)))
            bound = {"float32": 1e-5, "float16": 1e-3, "bfloat16": 1e-2}[dtype]
            assert one.dtype == dtype
            assert far <= bound * scale


def test_towers_of_different_widths_are_kept_apart() -> None:
    left, right = numbers((1, 2, 2, 3), 5), numbers((1, 2, 2, 7), 6)
    y = cross_connect([left, right], kernels="composite")
    np.testing.assert_allclose(y, crossed([left, right], LRN()), rtol=1e-5)


@pytest.mark.parametrize("graph", [False, True])
def test_derivatives_beyond_the_gradient(graph: bool) -> None:
    # Of TensorFlow's op alone there are none.
    lrn, towers = LRN(3, 1.0, 0.2, 0.6), (4, 4)
    x, v, u = (tf.constant(numbers((1, 2, 2, 8), seed)) for seed in (7, 8, 9))

    def hessian_and_slope(x: tf.Tensor, form: Callable) -> tuple:
        with tf.GradientTape() as tape:
            tape.watch(x)
            _, first = with_gradient(form, x, u)
        with tf.autodiff.ForwardAccumulator(x, tf.cast(v, x.dtype)) as accumulator:
            y = form(x)
        return tape.gradient(first, x, tf.cast(v, x.dtype)), accumulator.jvp(y)

    def ours(x: tf.Tensor) -> tuple:
        return hessian_and_slope(x, by_stock_op(lrn, towers))

    found = (tf.function(ours) if graph else ours)(x)
    exact = []
    for sign in (1, -1):
        near = tf.cast(x, "float64") + sign * 1e-5 * tf.cast(v, "float64")
        exact.append(with_gradient(by_band(lrn, towers), near, tf.cast(u, "float64")))
    value, gradient = (
        (above - below) / 2e-5 for above, below in zip(*exact, strict=True)
    )
    np.testing.assert_allclose(found[0], gradient, atol=1e-4)
    np.testing.assert_allclose(found[1], value, atol=1e-4)


@pytest.mark.parametrize("shape", [[None] * 3, [None, 5, 5], [2, None, 5]], ids=str)
def test_sizes_may_be_unknown(shape: list) -> None:
    spec = tf.TensorSpec([*shape, 6], tf.float32)
    x = numbers((2, 5, 5, 6), 10)
    compiled = tf.function(lambda x: lrn_of(x, LRN()), input_signature=[spec])
    assert compiled.get_concrete_function().structured_outputs.shape == spec.shape
    np.testing.assert_allclose(compiled(x), normalized(x, LRN(), 2), rtol=1e-5)


@pytest.mark.compat
@pytest.mark.parametrize("lrn", WITHIN + BEYOND, ids=str)
def test_no_product_rounds_the_squares(lrn: LRN) -> None:
    # Products of float32 are of TF32 on GPUs since Ampere: 11 bits.
    spec = tf.TensorSpec([2, 5, 5, 8], tf.float32)
    for dtype in (tf.float32, tf.bfloat16, tf.float64):
        graph = graph_of(
            lambda x, d=dtype: with_gradient(lambda x: lrn_of(x, lrn), x, x),
            tf.TensorSpec(spec.shape, dtype),
        )
        stock = lrn in WITHIN and dtype != tf.float64
        assert not kinds(graph) & {"MatMul", "BatchMatMulV2", "Conv2D", "Einsum"}
        assert ("LRN" in kinds(graph)) == ("LRNGrad" in kinds(graph)) == stock


def test_a_cpu_and_an_export_have_the_product() -> None:
    def on_cpu(x: tf.Tensor) -> tf.Tensor:
        with tf.device("/CPU:0"):
            return lrn_of(x, LRN())

    spec = tf.TensorSpec([2, 5, 5, 8], tf.float32)
    assert "MatMul" in kinds(graph_of(on_cpu, spec))
    assert "LRN" in kinds(graph_of(lambda x: lrn_of(x, LRN()), spec))


def test_an_export_is_the_same_with_a_gpu(tmp_path) -> None:
    module = tf.Module()
    module.run = tf.function(
        lambda x: lrn_of(x, LRN()), input_signature=[tf.TensorSpec([2, 5, 5, 8])]
    )
    tf.saved_model.save(module, str(tmp_path))
    graph = tf.saved_model.load(str(tmp_path)).run.get_concrete_function().graph
    assert "MatMul" in kinds(graph)
    assert "LRN" not in kinds(graph)


def passes(shape: list[int], dtype: tf.DType) -> float:
    """Bytes that a seam and its gradient read and write, by those of float32 maps."""

    def both(x: tf.Tensor, upstream: tf.Tensor) -> tuple:
        return with_gradient(seam, x, upstream)

    def seam(x: tf.Tensor) -> tf.Tensor:
        return cross_connect(
            x, towers=2, norm=LRN(), pool_size=3, pool_strides=2, kernels="composite"
        )

    batch, *sides, channels = shape
    pooled = [batch, *((side - 3) // 2 + 1 for side in sides), channels]
    specs = [tf.TensorSpec(each, dtype) for each in (shape, pooled)]
    return moved(graph_of(both, *specs)) / (4 * np.prod(shape))


@pytest.mark.compat
@pytest.mark.parametrize("shape", [[128, 55, 55, 96], [128, 27, 27, 256]], ids=str)
def test_a_seam_and_its_gradient_pass_over_the_maps_15_times(shape: list) -> None:
    assert passes(shape, tf.float32) <= 15
    # The sums are of float32 here too, between two casts each way.
    assert passes(shape, tf.bfloat16) <= 17
