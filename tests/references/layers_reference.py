"""The layers of the 2012 network in float64 NumPy, each with its gradient by hand.

Every layer gives its output and a function that takes the gradient of the output to the
gradient of what went in. Plain on purpose: nothing here is shared with the package.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Array = np.ndarray
Back = Callable[[Array], Array]
# A weighted layer's: to the gradients of its inputs, of their kernels, of its bias.
WeightedBack = Callable[[Array], tuple[list[Array], list[Array], Array]]


def convolution(
    xs: list[Array],
    kernels: list[Array],
    bias: Array,
    stride: int = 1,
    pads: tuple[int, int] = (0, 0),
) -> tuple[Array, WeightedBack]:
    """Sum over the inputs of input ⋆ kernel, and the bias once.

    layer.cu of the released source, `fpropActs`: a layer of two inputs has a weight
    matrix for each and one vector of biases.

    Args:
        xs: Maps `[n, rows, columns, channels]`.
        kernels: `[size, size, channels, filters]`, one for each of `xs`.
        bias: `[filters]`.
        stride: Step in both directions.
        pads: Zeros before and after, in both directions.
    """
    size = len(kernels[0])
    padded = [np.pad(x, ((0, 0), pads, pads, (0, 0))) for x in xs]
    patches = [_windows(x, size)[:, ::stride, ::stride] for x in padded]
    y = bias + sum(
        np.tensordot(patch, kernel, ((3, 4, 5), (2, 0, 1)))
        for patch, kernel in zip(patches, kernels, strict=True)
    )

    def back(dy: Array) -> tuple[list[Array], list[Array], Array]:
        dkernels = [
            np.tensordot(patch, dy, ((0, 1, 2), (0, 1, 2))) for patch in patches
        ]
        dxs = [
            _inner(_spread(dy, kernel, stride, x.shape), pads)
            for x, kernel in zip(padded, kernels, strict=True)
        ]
        return dxs, [d.transpose(1, 2, 0, 3) for d in dkernels], dy.sum((0, 1, 2))

    return y, back


def dense(
    xs: list[Array], matrices: list[Array], bias: Array
) -> tuple[Array, WeightedBack]:
    """Sum over the inputs of input · matrix, and the bias once.

    Args:
        xs: `[n, …]`, flattened in that order.
        matrices: `[…, units]`, one for each of `xs`.
        bias: `[units]`.
    """
    flat = [x.reshape(len(x), -1) for x in xs]
    square = [matrix.reshape(-1, len(bias)) for matrix in matrices]
    y = bias + sum(x @ matrix for x, matrix in zip(flat, square, strict=True))

    def back(dy: Array) -> tuple[list[Array], list[Array], Array]:
        dxs = [
            (dy @ matrix.T).reshape(x.shape)
            for x, matrix in zip(xs, square, strict=True)
        ]
        dmatrices = [
            (x.T @ dy).reshape(matrix.shape)
            for x, matrix in zip(flat, matrices, strict=True)
        ]
        return dxs, dmatrices, dy.sum(0)

    return y, back


def relu(x: Array) -> tuple[Array, Back]:
    """max(0, x)."""
    return np.maximum(x, 0), lambda dy: dy * (x > 0)


def max_pool(x: Array) -> tuple[Array, Back]:
    """Maximum over 3×3 at stride 2, without padding.

    The gradient goes to every input that equals the maximum, as the source's does;
    TensorFlow picks one. They part at zeros behind a ReLU only, and that stops it.
    """
    y = _windows(x, 3)[:, ::2, ::2].max((4, 5))

    def back(dy: Array) -> Array:
        dx = np.zeros(x.shape)
        for row, column in np.ndindex(3, 3):
            won = _taken(x, row, column, 2, y.shape) == y
            place = _taken(dx, row, column, 2, y.shape)
            place += dy * won
        return dx

    return y, back


def response_norm(
    x: Array, sums: Callable[[Array], Array], k: float, alpha: float
) -> tuple[Array, Back]:
    """x · (k + alpha · sum of squares in a window)^(−0.75).

    Args:
        x: The maps of one tower.
        sums: `over_maps` or `over_pixels`. Both windows are symmetric (f is in g's
            where g is in f's), so the gradient sums over the same window.
        k: Additive constant.
        alpha: What multiplies the plain sum of squares.
    """
    energy = k + alpha * sums(x**2)

    def back(dy: Array) -> Array:
        around = sums(dy * x * energy**-1.75)
        return dy * energy**-0.75 - 2 * alpha * 0.75 * x * around

    return x * energy**-0.75, back


def over_maps(x: Array) -> Array:
    """Sum over the 5 maps f − 2 … f + 2 of the tower, fewer at its edges."""
    maps = range(x.shape[-1])
    return np.stack([x[..., max(0, f - 2) : f + 3].sum(-1) for f in maps], axis=-1)


def over_pixels(x: Array) -> Array:
    """Sum over the 5×5 pixels around, in the same map, fewer at the borders."""
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
    return _windows(padded, 5).sum((4, 5))


def softmax(logits: Array) -> Array:
    """Probabilities of the classes."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def log_loss(logits: Array, labels: Array) -> tuple[float, Array]:
    """Mean of −log p(label), and its gradient by the logits."""
    p, rows = softmax(logits), np.arange(len(labels))
    target = np.zeros(p.shape)
    target[rows, labels] = 1
    return -np.log(p[rows, labels]).mean(), (p - target) / len(labels)


def _windows(x: Array, size: int) -> Array:
    """Every square of the maps, `[n, rows, columns, channels, size, size]`."""
    return sliding_window_view(x, (size, size), (1, 2))


def _spread(dy: Array, kernel: Array, stride: int, shape: tuple[int, ...]) -> Array:
    """What a convolution's windows give back to the padded maps that they read."""
    dx = np.zeros(shape)
    for row, column in np.ndindex(kernel.shape[:2]):
        place = _taken(dx, row, column, stride, dy.shape)
        place += dy @ kernel[row, column].T
    return dx


def _taken(
    x: Array, row: int, column: int, stride: int, windows: tuple[int, ...]
) -> Array:
    """What the windows hold at one place of theirs, `[n, windows, windows, channels]`.

    A view: adding to it adds to `x`.
    """
    rows = slice(row, row + stride * (windows[1] - 1) + 1, stride)
    columns = slice(column, column + stride * (windows[2] - 1) + 1, stride)
    return x[:, rows, columns]


def _inner(x: Array, pads: tuple[int, int]) -> Array:
    before, after = pads
    return x[:, before : x.shape[1] - after, before : x.shape[2] - after]
