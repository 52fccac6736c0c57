"""The kernels of the first convolution: as a picture (figure 3), and how smooth."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_alexnet.preprocessing import CHANNEL_ORDERS
from keras_alexnet.reasons import must_be
from keras_alexnet.whole_numbers import whole_number

_PER_ROW = 16
_BORDER = 1


def filter_grid(
    kernels: Any,
    scale: int = 3,
    limits: tuple[float, float] | None = None,
    channel_order: str = "RGB",
) -> np.ndarray:
    """Shows kernels that read colours as small pictures, 16 in a row.

    All have the same scale of grey, from the smallest weight (black) to the largest
    (white), so that weak kernels look weak, as in `shownet.py` of the 2012 source.

    Args:
        kernels: `[height, width, 3, count]`, float.
        scale: Side of the square that shows one weight, in pixels.
        limits: The weights that are black and white; the smallest and the largest if
            not given.
        channel_order: Of the channels that the kernels read: `"RGB"` or `"BGR"`.

    Returns:
        uint8 `[rows, columns, 3]`, with black lines between the kernels.

    Raises:
        ValueError: If the kernels do not read three channels, `scale` is not a whole
            number above 0, or the order is unknown.

    Example:

    >>> filter_grid(np.random.default_rng(0).normal(size=(11, 11, 3, 96))).shape
    (203, 543, 3)

    Reference:
        - Krizhevsky et al. 2012, figure 3; `shownet.py`, `--show-filters`.
    """
    kernels = np.asarray(kernels, np.float32)
    if kernels.ndim != 4 or kernels.shape[2] != 3:
        raise ValueError(
            "kernels must be [height, width, 3, count]. "
            f"Received: shape={kernels.shape}"
        )
    scale = whole_number("scale", scale)
    if channel_order not in CHANNEL_ORDERS:
        raise must_be("channel_order", f"one of {CHANNEL_ORDERS}", channel_order)
    if channel_order == "BGR":
        kernels = kernels[:, :, ::-1]
    low, high = limits or (kernels.min(), kernels.max())
    shown = np.uint8(255 * (kernels - low) / max(high - low, 1e-12))
    height, width, _, count = shown.shape
    rows = -(-count // _PER_ROW)
    tall, wide = height * scale + _BORDER, width * scale + _BORDER
    grid = np.zeros((rows * tall, min(count, _PER_ROW) * wide, 3), np.uint8)
    for index in range(count):
        one = shown[..., index].repeat(scale, 0).repeat(scale, 1)
        top, left = index // _PER_ROW * tall, index % _PER_ROW * wide
        grid[top : top + height * scale, left : left + width * scale] = one
    return grid[:-_BORDER, :-_BORDER]


def smoothness(kernels: Any) -> float:
    """How alike neighbouring weights of kernels are.

    `Σ w w' / Σ w²`, the means over all weights w and, for the products, over all pairs
    of neighbours of one colour, below and beside each other. Edges and blobs have 0.3
    and more; independent random weights have 0.

    Args:
        kernels: `[height, width, channels, count]`.

    Returns:
        −1 to 1, more or less; NaN for kernels of one place, or that are 0 everywhere.

    Example:

    >>> kernels = np.random.default_rng(0).normal(size=(11, 11, 3, 96))
    >>> abs(smoothness(kernels)) < 0.02, smoothness(np.ones((11, 11, 3, 96)))
    (True, 1.0)
    """
    kernels = np.asarray(kernels, np.float64)
    down, across = kernels[1:] * kernels[:-1], kernels[:, 1:] * kernels[:, :-1]
    energy, pairs = float(np.mean(kernels**2)), down.size + across.size
    if not pairs or not energy:
        return float("nan")
    return float((down.sum() + across.sum()) / pairs / energy)
