"""How well the classes are told apart by what a layer gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

_BLOCK = 2**22  # distances at a time


def nearest_centroid(training: Any, classes: Any, asked: Any) -> np.ndarray:
    """The class whose centroid is nearest to each vector.

    The centroid of a class is the mean of its training vectors; distances are
    Euclidean. Of centroids equally far the one of the lowest class is taken.

    Args:
        training: `[n, values]`.
        classes: `[n]`, whole numbers, the class of each.
        asked: `[m, values]`.

    Returns:
        int64 `[m]`, one of the given classes each.

    Raises:
        ValueError: If the shapes do not fit, or there are no training vectors.

    Example:

    >>> nearest_centroid([[0.0], [1.0], [9.0]], [0, 0, 1], [[2.0], [8.0]]).tolist()
    [0, 1]
    """
    training, asked = np.asarray(training, np.float64), np.asarray(asked, np.float64)
    classes = np.asarray(classes)
    alike = training.ndim == asked.ndim == 2 and training.shape[1] == asked.shape[1]
    if not alike or classes.shape != training.shape[:1] or not len(training):
        raise ValueError(
            "training and asked must be [pictures, values], with a class for each "
            f"training vector. Received: shapes {training.shape}, {asked.shape} and "
            f"{classes.shape}"
        )
    known, places = np.unique(classes, return_inverse=True)
    order = np.argsort(places.ravel(), kind="stable")
    counts = np.bincount(places.ravel())
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    sums = np.add.reduceat(training[order], starts, axis=0)
    centroids = sums / counts[:, None]
    # Around their mean, the squares below do not lose digits to a common offset.
    centre = centroids.mean(axis=0)
    centroids, asked = centroids - centre, asked - centre
    squares = (centroids**2).sum(axis=1)
    rows = max(1, _BLOCK // len(known))
    nearest = []
    for start in range(0, len(asked), rows):
        products = tf.matmul(asked[start : start + rows], centroids, transpose_b=True)
        nearest.append(np.argmin(squares - 2 * products.numpy(), axis=1))
    return known[np.concatenate(nearest)] if nearest else known[:0]


def separation(training: Any, classes: Any, asked: Any, wanted: Any) -> float:
    """The fraction of vectors whose class has the nearest centroid.

    Args:
        training: `[n, values]`, of training pictures.
        classes: `[n]`, the class of each.
        asked: `[m, values]`, of other pictures.
        wanted: `[m]`, the class of each.

    Returns:
        0 to 1; NaN if there are none.

    Raises:
        ValueError: As `nearest_centroid`.

    Example:

    >>> separation([[0.0], [9.0]], [0, 1], [[2.0], [8.0]], [0, 0])
    0.5
    """
    found = nearest_centroid(training, classes, asked)
    return float((found == np.asarray(wanted)).mean()) if len(found) else float("nan")
