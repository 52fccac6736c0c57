"""Scores: mean cross-entropy, top-1 and top-5 accuracy."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

_FIVE = 5


@dataclasses.dataclass(frozen=True)
class Scores:
    """Mean cross-entropy, and top-1 and top-5 accuracy.

    Args:
        loss: Mean of −log p of the right class, in nats.
        top1: Fraction of pictures whose likeliest class is the right one.
        top5: Fraction of pictures with the right class among the likeliest five.
        pictures: Number of pictures.
    """

    loss: float
    top1: float
    top5: float
    pictures: int

    @property
    def top1_error(self) -> float:
        """Fraction of pictures whose likeliest class is a wrong one."""
        return 1 - self.top1

    @property
    def top5_error(self) -> float:
        """Fraction of pictures without the right class among the likeliest five."""
        return 1 - self.top5

    @classmethod
    def of(cls, totals: Any) -> Scores:
        """The means, from the sums of `totals` over all batches."""
        loss, top1, top5, pictures = (float(total) for total in totals)
        count = max(pictures, 1.0)
        return cls(loss / count, top1 / count, top5 / count, int(pictures))


def shows_top5(classes: int) -> bool:
    """Whether top-5 says anything: of five classes or fewer, all are among five.

    Example:

    >>> shows_top5(5), shows_top5(6)
    (False, True)
    """
    return classes > _FIVE


def totals(
    logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | None = None
) -> tf.Tensor:
    """Sums over a batch: cross-entropy, top-1 right, top-5 right, pictures.

    If classes tie, a picture counts in part.

    Args:
        logits: `[batch, classes]`.
        labels: `[batch]`, int64.
        weights: `[batch]`, 0 for pictures that do not count; all count if None.

    Returns:
        Four numbers, float64.
    """
    logits = tf.cast(logits, tf.float32)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    top1 = _credits(logits, labels, 1)
    top5 = _credits(logits, labels, min(_FIVE, logits.shape[-1]))
    each = [losses, top1, top5, tf.ones_like(losses)]
    rows = tf.stack([tf.cast(row, tf.float64) for row in each])  # [4, batch]
    if weights is not None:
        rows = rows * tf.cast(weights, tf.float64)
    return tf.reduce_sum(rows, axis=1)


def _credits(logits: tf.Tensor, labels: tf.Tensor, k: int) -> tf.Tensor:
    """The credit for a right class among the first k, 0 to 1: float64 `[batch]`.

    Classes that tie share the ranks that are left ("Ties get fractional credit",
    layer_kernels.cu of 2012). Otherwise a network with equal outputs for all classes
    would always be right. A row that is not finite gets no credit.
    """
    own = tf.gather(logits, labels, axis=1, batch_dims=1)[:, None]
    above = tf.math.count_nonzero(logits > own, axis=1, dtype=tf.float64)
    equal = tf.math.count_nonzero(logits == own, axis=1, dtype=tf.float64)
    credits = tf.clip_by_value((k - above) / equal, 0.0, 1.0)
    finite = tf.reduce_all(tf.math.is_finite(logits), axis=1)
    return tf.where(finite, credits, tf.zeros_like(credits))


def log_probabilities(probabilities: tf.Tensor) -> tf.Tensor:
    """Their logarithms: logits whose softmax they are; finite for 0 too."""
    return tf.math.log(tf.maximum(probabilities, 1e-30))
