"""One step of training: model, optimizer and what a batch does to them."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from keras_alexnet import architectures
from keras_alexnet.data import ColourNoise, ColourStatistics
from keras_alexnet.evaluation import Evaluator, totals
from keras_alexnet.models import AlexNet
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.update_rules import PaperSGD
from keras_alexnet.weights.names import named_weights, tensorflow_variable


class Learner:
    """A model in training, on the devices of one strategy.

    Args:
        config: The run's settings.
        classes: Number of classes.
        statistics: Mean colour and components of the data.
        strategy: Under which the variables are made.
    """

    def __init__(
        self,
        config: TrainingConfig,
        classes: int,
        statistics: ColourStatistics,
        strategy: tf.distribute.Strategy,
    ) -> None:
        self._batch_size = config.batch_size
        self._strategy = strategy
        self._noise = ColourNoise(
            config.colour_noise, config.colour_noise_strength, statistics
        )
        self.preprocessing = dataclasses.replace(
            architectures.get(config.variant).preprocessing, mean=statistics.mean
        )
        # Colour noise is for R, G, B about the mean in 0-255: between the two halves.
        self._centre = Preprocessing(mean=statistics.mean)
        self._finish = dataclasses.replace(self.preprocessing, mean=(0.0, 0.0, 0.0))
        with strategy.scope():
            self.model = AlexNet(
                config.variant,
                input_shape=(config.image_size, config.image_size, 3),
                classes=classes,
                classifier_activation=None,
                initialization=config.initialization,
            )
            self.optimizer = PaperSGD(
                config.learning_rate,
                config.momentum,
                config.weight_decay,
                config.bias_rate,
            )
            self.optimizer.build(self.model.trainable_variables)
        # What evaluation.totals gives, summed up since the last report.
        self.totals = tf.Variable(tf.zeros([4], tf.float64), trainable=False)
        self.evaluator = Evaluator(
            self.model, self.preprocessing, from_logits=True, strategy=strategy
        )

    def optimizer_state(self) -> dict[str, Any]:
        """The optimizer's variables, under names that are the same for every Keras."""
        trained = {id(tensorflow_variable(v)) for v in self.model.trainable_variables}
        velocities = iter(self.optimizer.momentums)
        return {
            "iterations": tensorflow_variable(self.optimizer.iterations),
            "velocity": {
                layer: {
                    name: tensorflow_variable(next(velocities))
                    for name, variable in weights.items()
                    if id(variable) in trained
                }
                for layer, weights in named_weights(self.model).items()
            },
        }

    def step(self, batch: dict[str, tf.Tensor], learning_rate: float) -> None:
        """Updates the weights by one batch, as `training_batches` gives it."""
        self.optimizer.learning_rate = learning_rate
        self._step(batch)

    @tf.function
    def _step(self, batch: dict[str, tf.Tensor]) -> None:
        sums = self._strategy.run(self._replica_step, (batch,))
        self.totals.assign_add(self._strategy.reduce("SUM", sums, axis=None))

    def prepared(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """What the model sees of a batch: mean, colour noise, order and scale."""
        pictures = self._noise(self._centre(batch["image"]), batch["noise"])
        return self._finish(pictures)

    def _replica_step(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        pictures = self.prepared(batch)
        with tf.GradientTape() as tape:
            logits = tf.cast(self.model(pictures, training=True), tf.float32)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                batch["label"], logits
            )
            # The mean over the whole batch: replicas' gradients are summed.
            loss = tf.reduce_sum(losses) / self._batch_size
        variables = self.model.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return totals(logits, batch["label"])
