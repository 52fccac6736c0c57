"""Evaluates one model on central views, on all devices of a strategy."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet.data import Source
from keras_alexnet.data.batches import distribute, validation_batches
from keras_alexnet.data.sources import VALIDATION
from keras_alexnet.data.unreadable import READING, explained
from keras_alexnet.evaluation.confusion import Confusion
from keras_alexnet.evaluation.scores import Scores, log_probabilities, totals
from keras_alexnet.recipe import Recipe
from keras_alexnet.two_towers import prepared_in_place


class Evaluator:
    """Evaluates one model on the central views of a data set's validation pictures.

    Args:
        model: Returns probabilities, or logits, for prepared pictures.
        recipe: How pictures are prepared for the model; of the views, only the centre
            is used.
        from_logits: Whether the model returns logits.
        strategy: The strategy under which the model was made; TensorFlow's current one
            if not given.

    Example:

    >>> Evaluator(model, recipe_of("paper")).evaluate(source)  # doctest: +SKIP
    Scores(loss=0.21, top1=0.94, top5=1.0, pictures=500)
    """

    def __init__(
        self,
        model: keras.Model,
        recipe: Recipe,
        *,
        from_logits: bool = False,
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        self._model = model
        self._recipe = recipe
        self._from_logits = from_logits
        self._strategy = strategy or tf.distribute.get_strategy()

    def evaluate(
        self,
        source: Source,
        batch_size: int = 64,
        before_each: Callable[[], None] | None = None,
        confusion: Confusion | None = None,
    ) -> Scores:
        """Returns the scores over all validation pictures.

        Args:
            source: The data.
            batch_size: Pictures at a time, over all devices together.
            before_each: Called before each batch; an error that it raises ends the
                evaluation.
            confusion: Counts the pictures, if given; of classes that tie the first is
                the likeliest, and a picture whose outputs are not finite has none.

        Raises:
            ValueError: If model and data differ in their number of classes, or a
                picture cannot be decoded.
        """
        classes, known = self._model.output_shape[-1], len(source.class_names)
        if classes != known:
            raise ValueError(
                "the model must have the classes of the data. Received: a model of "
                f"{classes} classes and data={source.spec!r} of {known}"
            )
        view = self._recipe.views_of(source).centre
        batches = distribute(
            self._strategy,
            lambda rows: validation_batches(source, view, batch_size, rows),
            batch_size,
        )
        total = tf.zeros([4], tf.float64)
        answers = []  # read at the end, since reading waits for the device
        try:
            for batch in batches:
                if before_each is not None:
                    before_each()
                sums, answered = self._step(batch)
                total += sums
                answers.append(answered)
        except READING as error:
            raise explained(error, source.ordered(VALIDATION), source) from error
        if confusion is not None and answers:
            confusion.add(*np.concatenate(answers).T)
        return Scores.of(total)

    @tf.function
    def _step(self, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """The sums of a batch; class and likeliest class of each of its pictures."""
        sums, answered = self._strategy.run(self._replica_step, (batch,))
        if self._strategy.num_replicas_in_sync > 1:
            answered = self._strategy.gather(answered, axis=0)
        return self._strategy.reduce("SUM", sums, axis=None), answered

    def _replica_step(self, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        scores = prepared_in_place(
            self._model, lambda: self._recipe.preprocessing(batch["image"]), False
        )
        if not self._from_logits:
            scores = log_probabilities(scores)
        label, weight = batch["label"], batch["weight"]
        finite = tf.reduce_all(tf.math.is_finite(scores), axis=1)
        counted = finite & (weight > 0)
        likeliest = tf.where(counted, tf.argmax(scores, axis=1), -1)
        return totals(scores, label, weight), tf.stack([label, likeliest], axis=1)
