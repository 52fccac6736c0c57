"""Local response normalisation against the formula, in float64 NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from seam_reference import normalized

from keras_alexnet.ops import LRN, local_response_normalization

CONSTANTS = [
    LRN(),
    LRN(alpha_mode="mean"),
    LRN(size=1, k=1.0, alpha=0.3, beta=0.5),
    LRN(size=2, k=1.0, alpha=0.3, beta=0.75),
    LRN(size=4, k=0.5, alpha=0.2, beta=1.3, alpha_mode="mean"),
    LRN(size=9, k=3.0, alpha=0.1, beta=0.75),
]


def ours(x: tf.Tensor, lrn: LRN, towers: int) -> tf.Tensor:
    return local_response_normalization(
        x, lrn.size, lrn.k, lrn.alpha, lrn.beta, lrn.alpha_mode, towers
    )


@pytest.mark.compat
@pytest.mark.parametrize("lrn", CONSTANTS, ids=str)
@pytest.mark.parametrize(("channels", "towers"), [(1, 1), (6, 2), (12, 3), (96, 2)])
def test_it_is_the_formula(lrn: LRN, channels: int, towers: int) -> None:
    x = np.random.default_rng(0).normal(0, 30, (2, 3, 4, channels)).astype("float32")
    expected = normalized(x, lrn, towers)
    error = np.abs(ours(x, lrn, towers).numpy() - expected).max()
    assert error <= 2e-6 * np.abs(expected).max()


@pytest.mark.parametrize(("dtype", "bound"), [("float16", 2e-3), ("bfloat16", 1e-2)])
def test_half_precision_sums_in_float32(dtype: str, bound: float) -> None:
    # A sum of 5 squares of 200 overflows float16; the result does not.
    x = tf.constant(np.full((1, 1, 1, 8), 200.0), dtype)
    y = ours(x, LRN(), 1)
    expected = normalized(np.full((1, 1, 1, 8), 200.0), LRN(), 1)
    assert y.dtype == dtype
    assert np.abs(tf.cast(y, "float64").numpy() / expected - 1).max() <= bound


@pytest.mark.parametrize("lrn", CONSTANTS, ids=str)
@pytest.mark.parametrize("towers", [1, 2])
def test_gradient_is_that_of_finite_differences(lrn: LRN, towers: int) -> None:
    rng = np.random.default_rng(1)
    x, upstream = rng.normal(0, 2, (2, 1, 2, 1, 8))
    with tf.GradientTape() as tape:
        maps = tf.constant(x)
        tape.watch(maps)
        total = tf.reduce_sum(ours(maps, lrn, towers) * upstream)
    gradient = tape.gradient(total, maps).numpy()
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-5
        above, below = (
            normalized(x + step, lrn, towers),
            normalized(x - step, lrn, towers),
        )
        slope = ((above - below) * upstream).sum() / 2e-5
        assert gradient[index] == pytest.approx(slope, abs=1e-6)


def test_for_one_tower_it_equals_tensorflows_own() -> None:
    x = tf.random.stateless_normal([2, 5, 5, 32], [1, 2]) * 20
    theirs = tf.nn.local_response_normalization(x, 2, 2.0, 1e-4, 0.75)
    np.testing.assert_allclose(ours(x, LRN(), 1), theirs, rtol=2e-6, atol=1e-6)


def test_no_window_reaches_into_another_tower() -> None:
    x = np.zeros((1, 1, 1, 8), "float32")
    x[..., 3] = 1e3  # the last map of the first tower
    x[..., 4] = 1.0  # the first map of the second
    alone = 2.0**-0.75 / (1 + 1e-4 / 2) ** 0.75
    assert ours(x, LRN(), 2).numpy()[0, 0, 0, 4] == pytest.approx(alone, rel=1e-6)


def test_compiled_and_with_unknown_sizes_it_is_the_same() -> None:
    x = np.random.default_rng(2).normal(0, 9, (2, 3, 3, 6)).astype("float32")
    spec = tf.TensorSpec([None, None, None, 6], tf.float32)
    expected = normalized(x, LRN(), 2)
    for jit in (False, True):
        compiled = tf.function(
            lambda maps: ours(maps, LRN(), 2), input_signature=[spec], jit_compile=jit
        )
        np.testing.assert_allclose(compiled(x), expected, rtol=1e-5)


def test_an_empty_batch_gives_an_empty_result() -> None:
    assert ours(tf.zeros([0, 3, 3, 4]), LRN(), 1).shape == (0, 3, 3, 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 0}, "Received: size=0"),
        ({"size": 2.5}, "Received: size=2.5"),
        ({"k": float("nan")}, "Received: k=nan"),
        ({"alpha": float("inf")}, "Received: alpha=inf"),
        ({"alpha_mode": "median"}, "Received: alpha_mode='median'"),
        ({"towers": 3}, "Received: towers=3, channels=4"),
        ({"towers": 0}, "Received: towers=0"),
        ({"kernels": "fast"}, "Received: kernels='fast'"),
    ],
)
def test_bad_arguments_are_named(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        local_response_normalization(tf.zeros([1, 1, 1, 4]), **change)


def test_whole_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="Received: dtype=int32"):
        local_response_normalization(tf.zeros([1, 1, 1, 4], tf.int32))
