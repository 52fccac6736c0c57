"""How often answers of a given probability are right."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_alexnet.inspection.findings import Reliability
from keras_alexnet.whole_numbers import whole_number


def reliability(confidence: Any, right: Any, bins: int = 10) -> Reliability:
    """The reliability diagram of a network and its expected calibration error.

    Bin i holds the answers with `i / bins < probability ≤ (i + 1) / bins`. The error is
    `Σ counts · |accuracy − confidence| / Σ counts`.

    Args:
        confidence: `[pictures]`, the probability of the likeliest class, 0 to 1.
        right: `[pictures]`, whether that is the picture's class.
        bins: How many of equal width.

    Returns:
        A `Reliability`; its error is NaN without pictures.

    Raises:
        ValueError: If the shapes differ, a probability is out of range, or `bins` is
            not above 0.

    Example:

    >>> found = reliability([0.9, 0.9, 0.6], [True, False, True])
    >>> found.counts.tolist()
    [0, 0, 0, 0, 0, 1, 0, 0, 2, 0]
    >>> round(found.error, 3)
    0.4

    Reference:
        - Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML
          2017, section 2.
    """
    confidence, right = np.asarray(confidence, np.float64), np.asarray(right, bool)
    bins = whole_number("bins", bins)
    if confidence.ndim != 1 or confidence.shape != right.shape:
        raise ValueError(
            "confidence and right must be [pictures]. "
            f"Received: shapes {confidence.shape} and {right.shape}"
        )
    # A softmax in float32 can be a little above 1.
    wrong = ~((confidence >= 0) & (confidence <= 1 + 1e-5))
    if wrong.any():
        raise ValueError(
            "confidence must be probabilities, 0 to 1. "
            f"Received: {float(confidence[wrong][0])}"
        )
    edges = np.linspace(0, 1, bins + 1)
    places = np.clip(np.digitize(confidence, edges, right=True) - 1, 0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    filled = counts > 0

    def means(values: np.ndarray) -> np.ndarray:
        sums = np.bincount(places, weights=values, minlength=bins)
        return np.divide(sums, counts, out=np.full(bins, np.nan), where=filled)

    probability, accuracy = means(confidence), means(right.astype(np.float64))
    gaps = np.abs(accuracy - probability)[filled]
    total = int(counts.sum())
    error = float((counts[filled] * gaps).sum() / total) if total else float("nan")
    return Reliability(edges, counts, probability, accuracy, error)
