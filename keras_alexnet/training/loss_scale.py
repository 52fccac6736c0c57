"""Scaling the loss, so that gradients in half precision do not vanish."""

from __future__ import annotations

import tensorflow as tf

from keras_alexnet.training.updates import assign

_FIRST = 2.0**15
_GROWTH_STEPS = 2000  # steps without an overflow after which the scale doubles


class LossScale:
    """A factor of the loss that halves with every overflow and slowly grows again.

    The rule of Keras' `LossScaleOptimizer`. Make it under the strategy, and use it in
    its replicas; without `dynamic` the factor is 1 and stays.

    Args:
        dynamic: Whether there is a scale at all: for `mixed_float16`.

    Reference:
        - Micikevicius et al. 2018, "Mixed precision training", section 3.2.
    """

    def __init__(self, dynamic: bool) -> None:
        self.dynamic = dynamic
        first = _FIRST if dynamic else 1.0
        self.scale = tf.Variable(first, trainable=False, dtype=tf.float32)
        self.steps = tf.Variable(0, trainable=False, dtype=tf.int64)

    def adapt(self, finite: tf.Tensor) -> None:
        """Takes note of whether a step's gradients were finite."""
        if not self.dynamic:
            return
        scale, steps = self.scale.read_value(), self.steps.read_value() + 1
        grown = tf.equal(steps, _GROWTH_STEPS)
        larger = tf.where(grown, scale * 2, scale)
        smaller = tf.maximum(scale / 2, 1.0)
        assign(self.scale, tf.where(finite, larger, smaller))
        start = tf.zeros_like(steps)
        assign(self.steps, tf.where(finite & ~grown, steps, start))

    def exhausted(self) -> tf.Tensor:
        """Whether no smaller scale is left, so that an overflow is a fault."""
        return self.scale.read_value() <= 1.0
