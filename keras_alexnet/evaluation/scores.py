"""Scores: mean cross-entropy and the shares of right answers."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Scores:
    """Mean cross-entropy, and the shares of pictures that were got right.

    Args:
        loss: Mean of −log p of the right class, in nats.
        top1: Share of pictures whose likeliest class is the right one.
        top5: Share of pictures with the right class among the likeliest five.
        pictures: How many pictures these are means over.
    """

    loss: float
    top1: float
    top5: float
    pictures: int

    @property
    def top1_error(self) -> float:
        """Share of pictures whose likeliest class is a wrong one."""
        return 1 - self.top1

    @property
    def top5_error(self) -> float:
        """Share of pictures without the right class among the likeliest five."""
        return 1 - self.top5

    @classmethod
    def of(cls, totals: Any) -> Scores:
        """The means for the sums that `totals` added up."""
        loss, top1, top5, pictures = (float(total) for total in totals)
        count = max(pictures, 1.0)
        return cls(loss / count, top1 / count, top5 / count, int(pictures))


def totals(
    logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | None = None
) -> tf.Tensor:
    """Sums over a batch: cross-entropy, right at first, right in five, pictures.

    Where classes tie, the right one counts for its share of the places.

    Args:
        logits: `[batch, classes]`.
        labels: `[batch]`, int64.
        weights: `[batch]`, 0 for pictures that do not count.

    Returns:
        Four numbers, float64.
    """
    logits = tf.cast(logits, tf.float32)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    top1 = _credits(logits, labels, 1)
    top5 = _credits(logits, labels, min(5, logits.shape[-1]))
    each = [losses, top1, top5, tf.ones_like(losses)]
    rows = tf.stack([tf.cast(row, tf.float64) for row in each])  # [4, batch]
    if weights is not None:
        rows = rows * tf.cast(weights, tf.float64)
    return tf.reduce_sum(rows, axis=1)


def _credits(logits: tf.Tensor, labels: tf.Tensor, k: int) -> tf.Tensor:
    """How much of the right class is among the first k, `[batch]`, float64.

    Classes that tie share the places that are left ("Ties get fractional credit",
    layer_kernels.cu of 2012), or a network that says the same of all classes would
    be right each time. A row that is not finite tells nothing, and gets none.
    """
    own = tf.gather(logits, labels, axis=1, batch_dims=1)[:, None]
    above = tf.math.count_nonzero(logits > own, axis=1, dtype=tf.float64)
    equal = tf.math.count_nonzero(logits == own, axis=1, dtype=tf.float64)
    credits = tf.clip_by_value((k - above) / equal, 0.0, 1.0)
    finite = tf.reduce_all(tf.math.is_finite(logits), axis=1)
    return tf.where(finite, credits, tf.zeros_like(credits))


def log_probabilities(probabilities: tf.Tensor) -> tf.Tensor:
    """Their logarithms, which as logits give them again; 0 stays finite."""
    return tf.math.log(tf.maximum(probabilities, 1e-30))
