"""How good a model is on pictures that it has not been trained on."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from keras_alexnet.data import Source, evaluation_batches
from keras_alexnet.data.batches import explained
from keras_alexnet.data.sources import VALIDATION
from keras_alexnet.preprocessing import Preprocessing


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


class Evaluator:
    """Evaluates one model on the central views of a data set's validation pictures.

    Args:
        model: Gives probabilities, or logits, for prepared pictures.
        preprocessing: What the model's pictures go through first.
        from_logits: Whether the model gives logits.
        strategy: Under which the model was made; TensorFlow's current one if not
            given.

    Example:

    >>> Evaluator(model, Preprocessing()).evaluate(source)  # doctest: +SKIP
    Scores(loss=0.21, top1=0.94, top5=1.0, pictures=500)
    """

    def __init__(
        self,
        model: keras.Model,
        preprocessing: Preprocessing,
        *,
        from_logits: bool = False,
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        self._model = model
        self._preprocessing = preprocessing
        self._from_logits = from_logits
        self._strategy = strategy or tf.distribute.get_strategy()

    def evaluate(self, source: Source, batch_size: int = 64) -> Scores:
        """Returns the scores over all validation pictures.

        Raises:
            ValueError: If the model has another number of classes than the data,
                or a picture cannot be decoded.
        """
        classes, known = self._model.output_shape[-1], len(source.class_names)
        if classes != known:
            raise ValueError(
                "the model must tell the classes of the data. Received: a model of "
                f"{classes} classes and data={source.spec!r} of {known}"
            )
        image_size = self._model.input_shape[1]
        batches = evaluation_batches(source, image_size, batch_size)
        total = tf.zeros([4], tf.float64)
        try:
            for batch in self._strategy.experimental_distribute_dataset(batches):
                total += self._step(batch)
        except tf.errors.OpError as error:
            raise explained(error, source.ordered(VALIDATION)) from error
        return Scores.of(total)

    @tf.function
    def _step(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        sums = self._strategy.run(self._replica_step, (batch,))
        return self._strategy.reduce("SUM", sums, axis=None)

    def _replica_step(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        scores = self._model(self._preprocessing(batch["image"]), training=False)
        if not self._from_logits:
            # softmax(log p) = p; the floor keeps a probability of 0 finite.
            scores = tf.math.log(tf.maximum(scores, 1e-30))
        return totals(scores, batch["label"], batch["weight"])
