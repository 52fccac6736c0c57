"""Grouped convolution, one output number at a time."""

from __future__ import annotations

import numpy as np


def convolved(
    x: np.ndarray, kernel: np.ndarray, groups: int, stride: int
) -> np.ndarray:
    """VALID convolution, one output number at a time."""
    size, _, depth, filters = kernel.shape
    rows = (x.shape[1] - size) // stride + 1
    columns = (x.shape[2] - size) // stride + 1
    out = np.zeros((x.shape[0], rows, columns, filters))
    for f, r, c in np.ndindex(filters, rows, columns):
        first = f // (filters // groups) * depth
        patch = x[:, r * stride :, c * stride :, first : first + depth][:, :size, :size]
        out[:, r, c, f] = (patch * kernel[..., f]).sum((1, 2, 3))
    return out
