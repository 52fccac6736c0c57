"""Adaptive average pooling against PyTorch's rule, window by window."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet.layers import AdaptiveAveragePooling2D


def rule(x: np.ndarray, count: int) -> np.ndarray:
    """The documented windows: from floor(i·H/n) to before ceil((i+1)·H/n)."""
    _, height, width, _ = x.shape
    y = np.empty((x.shape[0], count, count, x.shape[3]))
    for i in range(count):
        for j in range(count):
            rows = slice(i * height // count, math.ceil((i + 1) * height / count))
            columns = slice(j * width // count, math.ceil((j + 1) * width / count))
            y[:, i, j] = x[:, rows, columns].mean((1, 2))
    return y


@pytest.mark.compat
@pytest.mark.parametrize("sides", [(6, 6), (1, 1), (7, 13), (12, 5), (3, 4)])
def test_averages_follow_the_formula(sides: tuple[int, int]) -> None:
    x = np.random.default_rng(0).normal(size=(2, *sides, 3)).astype("float32")
    layer = AdaptiveAveragePooling2D(6)
    np.testing.assert_allclose(layer(x), rule(x, 6), rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape(x.shape) == (2, 6, 6, 3)


def test_it_is_rebuilt_from_its_configuration() -> None:
    config = AdaptiveAveragePooling2D(3).get_config()
    again = AdaptiveAveragePooling2D.from_config(config)
    assert again(tf.ones([1, 5, 5, 2])).shape == (1, 3, 3, 2)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="Received: output_size=0"):
        AdaptiveAveragePooling2D(0)
    layer = AdaptiveAveragePooling2D(6)
    with pytest.raises(ValueError, match="known height and width"):
        layer.compute_output_shape((None, None, 4, 3))
