"""Shrinking by area averaging, exact to the last bit."""

from __future__ import annotations

import numpy as np


def area_average(pixels: np.ndarray, size: int) -> np.ndarray:
    """Shrinks a square to `size` by averaging what each of its cells covers.

    Each new pixel is the mean of the old ones weighted by the area of each within
    the cell, as OpenCV's `INTER_AREA`. (Pillow's `BOX` gives each old pixel to one
    cell as a whole, which differs unless the ratio is whole.) The weights are whole
    numbers and so are all sums, small enough for floating point to hold: halves are
    rounded up, and machine and order of summation change nothing.

    Args:
        pixels: uint8 `[side, side, 3]`, `side` up to 65,793.
        size: The new side, at most `side`.

    Returns:
        uint8 `[size, size, 3]`.

    Example:

    >>> area_average(np.arange(27, dtype=np.uint8).reshape(3, 3, 3), 1)
    array([[[12, 13, 14]]], dtype=uint8)
    """
    side = len(pixels)
    # Below 255 · side < 2^24 for float32, below 255 · side² < 2^53 for float64.
    rows = _weighted_sums(pixels.reshape(side, -1), size, np.float32)
    turned = rows.reshape(size, side, 3).transpose(1, 0, 2).reshape(side, -1)
    sums = _weighted_sums(turned, size, np.float64)
    sums /= side**2
    sums += 0.5
    return sums.astype(np.uint8).reshape(size, size, 3).transpose(1, 0, 2)


def _weighted_sums(lines: np.ndarray, size: int, kind: type) -> np.ndarray:
    """`side` times the means of `size` cells of lines; `[side, n]` to `[size, n]`.

    On a scale where a line is `size` long, cell `k` covers `k · side` to
    `(k + 1) · side`, and line `i` lies from `i · size` to `(i + 1) · size`.
    """
    side, cells = len(lines), np.arange(size)
    sums = np.zeros((size, lines.shape[1]), kind)
    term = np.empty_like(sums)
    for nth in range(-(-side // size) + 1):
        line: np.ndarray = cells * side // size + nth
        end = np.minimum((line + 1) * size, (cells + 1) * side)
        weight = np.maximum(end - np.maximum(line * size, cells * side), 0)
        if weight.any():
            line = np.minimum(line, side - 1)  # Beyond the last one weights are 0.
            sums += np.multiply(lines[line], weight[:, None].astype(kind), out=term)
    return sums
