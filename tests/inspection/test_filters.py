"""The picture of the first kernels."""

from __future__ import annotations

import math

import numpy as np
import pytest

from keras_alexnet.inspection import filter_grid
from keras_alexnet.inspection.filters import smoothness


def test_kernels_share_one_scale_and_stand_apart() -> None:
    kernels = np.zeros((2, 2, 3, 17), np.float32)
    kernels[..., 0, 0], kernels[..., 1, 16] = -1.0, 1.0
    grid = filter_grid(kernels, scale=2)
    assert grid.shape == (2 * 4 + 1, 16 * 4 + 15, 3)
    np.testing.assert_array_equal(grid[0, 0], [0, 127, 127])  # red is the smallest
    np.testing.assert_array_equal(grid[5, 0], [127, 255, 127])  # green the largest
    assert not grid[4].any()
    assert not grid[:, 4].any()


def test_kernels_that_read_bgr_have_their_colours() -> None:
    kernels = np.zeros((2, 2, 3, 4), np.float32)
    kernels[..., 0, 0] = 1.0
    grid = filter_grid(kernels, scale=1, channel_order="BGR")
    assert grid.shape == (2, 4 * 3 - 1, 3)
    np.testing.assert_array_equal(grid[0, 0], [0, 0, 255])
    half = filter_grid(kernels, scale=1, limits=(-1.0, 1.0))
    np.testing.assert_array_equal(half[0, 0], [255, 127, 127])
    with pytest.raises(ValueError, match="channel_order must be one of"):
        filter_grid(kernels, channel_order="GBR")


def test_kernels_of_other_layers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Received: shape=\(3, 3, 96, 8\)"):
        filter_grid(np.zeros((3, 3, 96, 8)))


def test_smoothness_is_the_correlation_of_neighbours() -> None:
    rng = np.random.default_rng(1)
    kernels = rng.normal(size=(5, 6, 3, 4))
    pairs = [
        (kernels[y, x, c, k], kernels[y + down, x + 1 - down, c, k])
        for down in (0, 1)
        for y in range(5 - down)
        for x in range(5 + down)
        for c in range(3)
        for k in range(4)
    ]
    expected = np.mean([a * b for a, b in pairs]) / np.mean(kernels**2)
    assert smoothness(kernels) == pytest.approx(expected)
    blurred = kernels[1:] + kernels[:-1]  # half of the pairs have 1/2
    assert smoothness(blurred) > 0.1
    for nothing in (np.zeros((3, 3, 3, 2)), np.ones((1, 1, 3, 2))):
        assert math.isnan(smoothness(nothing))
