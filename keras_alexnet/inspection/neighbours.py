"""The vectors that are nearest to others, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from keras_alexnet.whole_numbers import whole_number

_BLOCK = 2**24  # values of vectors at a time: 134 MB of float64
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
    rows = max(1, _BLOCK // max(1, asked.shape[1]))
    # |b|² of each; with it |b|² − 2 a·b, which leaves out what is the same for all.
    squares = np.concatenate([(part**2).sum(axis=1) for part in _parts(among, rows)])
    start = 0
    for block in _parts(asked, rows):
        # TensorFlow's product: NumPy's takes 20 times as long beside its threads.
        products = [
            tf.matmul(block, part, transpose_b=True).numpy()
            for part in _parts(among, rows)
        ]
        apart = squares - 2 * np.concatenate(products, axis=1)
        candidates = np.argsort(apart, axis=1, kind="stable")[:, :kept]
        for row, (vector, near) in enumerate(
            zip(block, candidates, strict=True), start
        ):
            exact = ((among[near].astype(np.float64) - vector) ** 2).sum(axis=1)
            order = np.lexsort((near, exact))[:count]
            indices[row] = near[order]
            distances[row] = np.sqrt(exact[order])
        start += len(block)
    return indices, distances


def _parts(vectors: np.ndarray, rows: int) -> Iterator[np.ndarray]:
    """A few vectors at a time, in float64."""
    for start in range(0, len(vectors), rows):
        yield vectors[start : start + rows].astype(np.float64)


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
