"""One step of training: model, update rule and what a batch does to them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_alexnet import architectures
from keras_alexnet.data import ColourNoise, ColourStatistics
from keras_alexnet.evaluation import Evaluator, totals
from keras_alexnet.layers.stateless_dropout import Place, dropout_at
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.training.cluster import Wish
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.loss_scale import LossScale
from keras_alexnet.training.network import Network
from keras_alexnet.training.updates import assign


class Knobs(NamedTuple):
    """What differs from step to step, besides the batch.

    Args:
        step: Number of the step, from 1.
        rates: Learning rate of each trained variable, float32 `[variables]`.
        noise: Share of the colour noise, 0 to 1.
        wishes: What this worker tells the others; summed up over all replicas.
    """

    step: int
    rates: np.ndarray
    noise: float = 1.0
    wishes: Wish = Wish()

    def tensors(self) -> dict[str, tf.Tensor]:
        """As tensors, so that no step is traced anew."""
        return {
            "step": tf.constant(self.step, tf.int64),
            "rates": tf.constant(self.rates),
            "noise": tf.constant(self.noise, tf.float32),
            "wishes": tf.constant(self.wishes, tf.float64),
        }


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
        self._config = config
        self._classes = classes
        self._strategy = strategy
        self._replicas = strategy.num_replicas_in_sync
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
            self.network = Network(config, classes)
            self._scale = LossScale(config.precision == "mixed_float16")
        self.model = self.network.model
        # What evaluation.totals gives, summed up since the last report.
        self.totals = tf.Variable(tf.zeros([4], tf.float64), trainable=False)
        # Batches that were left out: how many, the first one's step, the last one's.
        self.left_out = tf.Variable([0, 0, 0], trainable=False, dtype=tf.int64)
        self.evaluator = Evaluator(
            self.model, self.preprocessing, from_logits=True, strategy=strategy
        )

    def state(self) -> dict[str, Any]:
        """All that a step changes, under names that are the same for every Keras."""
        scale = {"scale": self._scale.scale, "steps": self._scale.steps}
        return {
            **self.network.state(),
            "loss_scale": scale if self._scale.dynamic else {},
            "totals": self.totals,
            "left_out": self.left_out,
        }

    def step(self, batch: dict[str, tf.Tensor], knobs: Knobs) -> tf.Tensor:
        """Updates the weights by one batch, as `training_batches` gives it.

        Returns:
            The sums of the wishes.
        """
        return self._step(batch, knobs.tensors())

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Within it, the model has the averages of its weights, if there are any."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @tf.function
    def _step(
        self, batch: dict[str, tf.Tensor], knobs: dict[str, tf.Tensor]
    ) -> tf.Tensor:
        sums = self._strategy.run(self._replica_step, (batch, knobs))
        # The same in all replicas: summed there already.
        sums, good, wishes = self._strategy.experimental_local_results(sums)[0]
        self.totals.assign_add(tf.where(good, sums, tf.zeros_like(sums)))
        step = knobs["step"]
        count, first, _ = tf.unstack(self.left_out)
        bad = tf.stack([count + 1, tf.where(count == 0, step, first), step])
        self.left_out.assign(tf.where(good, self.left_out, bad))
        return wishes

    def prepared(self, batch: dict[str, tf.Tensor], noise: Any = 1.0) -> tf.Tensor:
        """What the model sees of a batch: mean, colour noise, order and scale."""
        pictures = self._noise(self._centre(batch["image"]), batch["noise"], noise)
        return self._finish(pictures)

    def _replica_step(
        self, batch: dict[str, tf.Tensor], knobs: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        before = [each.read_value() for each in self.network.statistics]
        with tf.GradientTape() as tape:
            logits = self._logits(batch, knobs)
            # Beside the last layer: where the towers are apart, the logits stay there.
            with self._beside_logits():
                loss = self._loss(logits, batch["label"])
                loss *= self._scale.scale.read_value()
        gradients = tape.gradient(loss, self.network.trained)
        gradients = self._summed(gradients)
        told = tf.concat([totals(logits, batch["label"]), knobs["wishes"]], axis=0)
        (told,) = self._summed([told])
        sums, wishes = told[:4], told[4:]
        if self._scale.dynamic:
            share = 1.0 / self._scale.scale.read_value()
            gradients = self._beside(lambda each: share * each, gradients)
        finite = _finite(self._beside(tf.reduce_sum, gradients))
        sane = tf.math.is_finite(sums[0])
        good = sane & (finite | ~self._scale.exhausted())
        tf.cond(
            sane & finite,
            lambda: self.network.update(gradients, knobs["rates"]),
            lambda: self._leave_out(before),
        )
        self._scale.adapt(finite)
        return sums, good, wishes

    def _logits(
        self, batch: dict[str, tf.Tensor], knobs: dict[str, tf.Tensor]
    ) -> tf.Tensor:
        pictures = self.prepared(batch, knobs["noise"])
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        rows = self._config.batch_size // self._replicas
        place = Place(self._config.seed, knobs["step"], replica * rows)
        with dropout_at(place):
            # Softmax and loss in float32, whatever the layers compute in.
            return tf.cast(self.model(pictures, training=True), tf.float32)

    def _loss(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """The mean over the whole batch: replicas' gradients are summed."""
        smoothing = self._config.label_smoothing
        if smoothing:
            targets = tf.one_hot(
                labels,
                self._classes,
                on_value=1 - smoothing + smoothing / self._classes,
                off_value=smoothing / self._classes,
            )
            losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
        else:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return tf.reduce_sum(losses) / self._config.batch_size

    def _summed(self, tensors: list[tf.Tensor]) -> list[tf.Tensor]:
        if self._replicas == 1:
            return tensors
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.SUM, tensors)

    def _beside_logits(self) -> contextlib.AbstractContextManager:
        """On the device of fc8, where towers have devices of their own."""
        if not self._config.tower_devices:
            return contextlib.nullcontext()
        index = self.network.names.index(("fc8", "kernel"))
        return tf.device(self.network.trained[index].device)

    def _beside(
        self, function: Callable[[tf.Tensor], tf.Tensor], gradients: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """A function of each gradient, on the device of its variable."""
        results = []
        for gradient, variable in zip(gradients, self.network.trained, strict=True):
            with tf.device(variable.device):
                results.append(function(gradient))
        return results

    def _leave_out(self, before: list[tf.Tensor]) -> tf.Tensor:
        """Takes back what the forward pass changed; the weights were not touched."""
        for variable, value in zip(self.network.statistics, before, strict=True):
            assign(variable, value)
        return tf.constant(False)

    @tf.function
    def _swap(self) -> None:
        self._strategy.run(self.network.swap_averages)


def _finite(sums: list[tf.Tensor]) -> tf.Tensor:
    """Whether all values are; sums are cheaper than looking at each."""
    return tf.math.is_finite(tf.add_n(sums))
