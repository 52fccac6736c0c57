"""The vectors that are nearest to others, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from keras_alexnet.whole_numbers import whole_number

_BLOCK = 64  # vectors at a time: 77 MB of float64 for pictures of 224×224
_SPARE = 4  # more than are asked for, before distances are computed exactly


def nearest(asked: Any, among: Any, count: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """The vectors that are nearest to each of some others, by Euclidean distance.

    All distances are computed, in float64. Those of the nearest are sums of squared
    differences, so that equal vectors are at distance 0.

    Args:
        asked: `[m, …]`, numbers of any kind, as pixels or features.
        among: `[n, …]`, of the same shape.
        count: How many of them; fewer if n is smaller.

    Returns:
        Indices among the n, int64 `[m, count]`, the nearest first, of equally far ones
        the first; and their distances, float64 `[m, count]`.

    Raises:
        ValueError: If the shapes do not fit, or `count` is not above 0.

    Example:

    >>> indices, distances = nearest([[0.0, 0.0]], [[3.0, 4.0], [1.0, 0.0]], count=2)
    >>> indices.tolist(), distances.tolist()
    ([[1, 0]], [[1.0, 5.0]])
    """
    asked, among = _vectors(asked), _vectors(among)
    if asked.shape[1] != among.shape[1] or not len(among):
        raise ValueError(
            "asked and among must be vectors of the same length, with one or more "
            f"among. Received: shapes {asked.shape} and {among.shape}"
        )
    count = min(whole_number("count", count), len(among))
    kept = min(count + _SPARE, len(among))
    indices: np.ndarray = np.empty([len(asked), count], np.int64)
    distances: np.ndarray = np.empty([len(asked), count], np.float64)
    for start in range(0, len(asked), _BLOCK):
        block = asked[start : start + _BLOCK].astype(np.float64)
        for row, candidates in enumerate(_candidates(block, among, kept), start):
            vector = block[row - start]
            apart = np.array(
                [
                    ((among[i].astype(np.float64) - vector) ** 2).sum()
                    for i in candidates
                ]
            )
            order = np.lexsort((candidates, apart))[:count]
            indices[row] = candidates[order]
            distances[row] = np.sqrt(apart[order])
    return indices, distances


def _candidates(block: np.ndarray, among: np.ndarray, kept: int) -> np.ndarray:
    """The nearest by `|b|² − 2 a·b`, which leaves out what is the same for all."""
    parts = []
    for start in range(0, len(among), _BLOCK):
        part: np.ndarray = among[start : start + _BLOCK].astype(np.float64)
        # TensorFlow's product: NumPy's can be 20 times slower beside TensorFlow's
        # threads.
        products = tf.matmul(block, part, transpose_b=True).numpy()
        parts.append((part**2).sum(axis=1) - 2 * products)
    return np.argsort(np.concatenate(parts, axis=1), axis=1, kind="stable")[:, :kept]


def precision(indices: Any, among: Any, wanted: Any) -> float:
    """The fraction of neighbours that have the class of what was asked.

    Args:
        indices: `[m, count]`, as `nearest` returns them.
        among: `[n]`, the class of each vector searched.
        wanted: `[m]`, the class of each vector asked.

    Returns:
        0 to 1; NaN if nothing was asked.

    Example:

    >>> precision([[0, 1]], among=[5, 6], wanted=[5])
    0.5
    """
    found = np.asarray(among)[np.asarray(indices)]
    same = found == np.asarray(wanted)[:, None]
    return float(same.mean()) if same.size else float("nan")


def chance(among: Any, wanted: Any) -> float:
    """The precision of neighbours that are drawn at random.

    Args:
        among: `[n]`, the class of each vector searched.
        wanted: `[m]`, the class of each vector asked.

    Example:

    >>> chance(among=[0, 0, 1, 2], wanted=[0, 1])
    0.375
    """
    classes, counts = np.unique(np.asarray(among), return_counts=True)
    parts = dict(zip(classes.tolist(), (counts / counts.sum()).tolist(), strict=True))
    wanted = np.asarray(wanted).tolist()
    return float(np.mean([parts.get(each, 0.0) for each in wanted]))


def _vectors(values: Any) -> np.ndarray:
    values = np.asarray(values)
    return values.reshape(len(values), int(np.prod(values.shape[1:])))
