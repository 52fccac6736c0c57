"""The loss of a batch with its scores, and the factor that keeps it within float16."""

from __future__ import annotations

import tensorflow as tf

from keras_alexnet.data.mixing import Mix, partners, taken_of_label
from keras_alexnet.evaluation import totals
from keras_alexnet.optimizers import assign
from keras_alexnet.training.config import TrainingConfig

_FIRST = 2.0**15
_GROWTH_STEPS = 2000  # steps without an overflow after which the scale doubles


class Loss:
    """The cross-entropy with smoothed labels, and those of pictures that are mixed.

    `−Σ_k t_k log p_k`, where `t = (1 − s) y + s / K` of K classes, s the smoothing and
    y the label: a 1 among zeros, or `(1 − w) y + w y'` where w of the picture, and of
    its label, are its partner's.

    Args:
        config: The run's settings.
        classes: Number of classes.
    """

    def __init__(self, config: TrainingConfig, classes: int) -> None:
        self._smoothing = config.label_smoothing
        self._batch_size = config.batch_size
        self._mixes = config.mixing is not None
        self._classes = classes

    def __call__(self, logits: tf.Tensor, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """These pictures' part of the mean over a whole batch.

        Args:
            logits: `[pictures, classes]`, float32.
            batch: As `training_batches` yields it.
        """
        labels = batch["label"]
        losses = self._each(logits, labels)
        if self._mixes:
            # The cross-entropy is linear in the label.
            taken = _taken(batch)
            theirs = self._each(logits, partners(labels))
            losses = (1 - taken) * losses + taken * theirs
        return tf.reduce_sum(losses) / self._batch_size

    def _each(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        smoothing = self._smoothing
        if smoothing:
            targets = tf.one_hot(
                labels,
                self._classes,
                on_value=1 - smoothing + smoothing / self._classes,
                off_value=smoothing / self._classes,
            )
            return tf.nn.softmax_cross_entropy_with_logits(targets, logits)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)

    def totals(self, logits: tf.Tensor, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """`evaluation.totals`, without smoothing.

        Of a picture that is mixed, either label counts by its part: guessing its own
        is right by 1 − w, guessing its partner's by w.
        """
        labels = batch["label"]
        own = totals(logits, labels)
        if not self._mixes:
            return own
        taken = _taken(batch)
        theirs = totals(logits, partners(labels), taken)
        # The number of pictures stays whole, whatever weights are rounded to.
        sums = own[:3] - totals(logits, labels, taken)[:3] + theirs[:3]
        return tf.concat([sums, own[3:]], axis=0)


def _taken(batch: dict[str, tf.Tensor]) -> tf.Tensor:
    side = batch["image"].shape[1]
    return taken_of_label(Mix(batch["amount"], batch["box"]), side)


class LossScale:
    """A factor of the loss that halves with every overflow and slowly grows again.

    The rule of Keras' `LossScaleOptimizer`. Make it in the scope of the strategy, and
    use it in the replicas; without `dynamic` the factor stays 1.

    Args:
        dynamic: Whether the loss is scaled at all: for `mixed_float16`.

    Reference:
        - Micikevicius et al. 2018, "Mixed precision training", section 3.2.
    """

    def __init__(self, dynamic: bool) -> None:
        self.dynamic = dynamic
        first = _FIRST if dynamic else 1.0
        self.scale = tf.Variable(first, trainable=False, dtype=tf.float32)
        self.steps = tf.Variable(0, trainable=False, dtype=tf.int64)

    def adapt(self, finite: tf.Tensor) -> None:
        """Changes the scale by whether a step's gradients were finite."""
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
        """Whether the scale cannot become smaller, so that an overflow is an error."""
        return self.scale.read_value() <= 1.0
