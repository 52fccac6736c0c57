"""Ranks, and how well two lists of values agree in their order."""

from __future__ import annotations

from typing import Any

import numpy as np


def ranks_of(values: Any) -> np.ndarray:
    """The ranks of values from 1 on; those that tie have the mean of their ranks.

    Args:
        values: `[count]`, finite.

    Returns:
        float64 `[count]`.

    Example:

    >>> ranks_of([3, 1, 3]).tolist()
    [2.5, 1.0, 2.5]
    """
    _, places, counts = np.unique(
        np.asarray(values), return_inverse=True, return_counts=True
    )
    last = np.cumsum(counts)
    return ((2 * last - counts + 1) / 2)[places.ravel()]


def rank_correlation(first: Any, second: Any) -> float:
    """Spearman's correlation: that of the ranks, ties having their mean rank.

    Args:
        first: Finite values of any shape, as two maps.
        second: As many.

    Returns:
        -1 to 1; NaN if all values of one are equal.

    Raises:
        ValueError: If the shapes differ.

    Example:

    >>> round(rank_correlation([1, 2, 3, 4], [1, 10, 100, 50]), 3)
    0.8
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape:
        raise ValueError(
            "first and second must be of one shape. "
            f"Received: {first.shape} and {second.shape}"
        )
    ranks = [ranks_of(each.ravel()) for each in (first, second)]
    one, other = (each - each.mean() for each in ranks)
    scale = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / scale) if scale > 0 else float("nan")
