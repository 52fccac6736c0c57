"""Normalisation within a map against its formula, position by position."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet.layers import WithinChannelNormalization
from keras_alexnet.ops import WithinChannelLRN, within_channel_normalization


def formula(x: np.ndarray, size: int, k: float, alpha: float, beta: float):
    y = np.empty_like(x)
    reach = size // 2
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            rows = slice(max(0, i - reach), i + reach + 1)
            columns = slice(max(0, j - reach), j + reach + 1)
            energy = (x[:, rows, columns] ** 2).sum((1, 2))
            y[:, i, j] = x[:, i, j] * (k + alpha / size**2 * energy) ** -beta
    return y


@pytest.mark.compat
@pytest.mark.parametrize("shape", [(2, 7, 9, 3), (1, 1, 1, 1), (1, 3, 2, 4)])
@pytest.mark.parametrize("constants", [(5, 1.0, 1e-3, 0.75), (3, 2.0, 0.5, 0.5)])
def test_it_is_the_formula(shape: tuple, constants: tuple) -> None:
    x = np.random.default_rng(0).normal(0, 30, shape)
    y = within_channel_normalization(tf.constant(x), *constants)
    np.testing.assert_allclose(y, formula(x, *constants), rtol=1e-12)


@pytest.mark.compat
def test_its_gradient_is_that_of_finite_differences() -> None:
    x = tf.constant(np.random.default_rng(0).normal(0, 1, (1, 4, 5, 2)))
    theory, numeric = tf.test.compute_gradient(
        lambda x: within_channel_normalization(x, alpha=2.0), [x], delta=1e-5
    )
    np.testing.assert_allclose(theory[0], numeric[0], atol=1e-8)


def test_half_precision_is_computed_in_float32() -> None:
    x = np.random.default_rng(0).normal(0, 200, (1, 6, 6, 3)).astype("float16")
    y = within_channel_normalization(tf.constant(x))
    assert y.dtype == tf.float16
    expected = formula(x.astype("float64"), 5, 1.0, 1e-3, 0.75)
    np.testing.assert_allclose(y, expected, rtol=2e-3)


def test_a_layer_rebuilt_from_its_configuration_is_the_same() -> None:
    layer = WithinChannelNormalization(3, 2.0, 0.1, 0.5)
    again = WithinChannelNormalization.from_config(layer.get_config())
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 2)).astype("float32")
    np.testing.assert_array_equal(again(x), layer(x))
    np.testing.assert_allclose(layer(x), formula(x, 3, 2.0, 0.1, 0.5), rtol=1e-5)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"odd whole number.*: size=4"):
        WithinChannelLRN(size=4)
    with pytest.raises(ValueError, match="Received: alpha=nan"):
        WithinChannelNormalization(alpha=float("nan"))
    with pytest.raises(ValueError, match="Received: shape=\\(3, 3\\)"):
        within_channel_normalization(tf.ones([3, 3]))
