"""The loop over steps and epochs: train, show, evaluate, write down, save."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_alexnet.data import Source, training_batches
from keras_alexnet.data.sources import TRAIN
from keras_alexnet.data.unreadable import explained
from keras_alexnet.evaluation import Scores
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.learner import Learner
from keras_alexnet.training.metrics_log import MetricsLog
from keras_alexnet.training.progress import ProgressLine
from keras_alexnet.training.schedules import learning_rate
from keras_alexnet.training.stopwatch import Stopwatch

_LOOK_EVERY = 0.5  # seconds between two looks at the sums, which wait for the device


class Loop:
    """Takes a learner from one step to another.

    Args:
        config: The run's settings.
        source: The data.
        learner: What is trained.
        strategy: Under which the learner was made.
    """

    def __init__(
        self,
        config: TrainingConfig,
        source: Source,
        learner: Learner,
        strategy: tf.distribute.Strategy,
    ) -> None:
        self._config = config
        self._source = source
        self._learner = learner
        self._strategy = strategy
        self._watch = Stopwatch()
        self._looked = 0.0
        pictures = source.sizes[TRAIN]
        one_pass = math.ceil(pictures / config.batch_size)
        self.steps_per_epoch = config.steps_per_epoch or one_pass
        self.steps = config.epochs * self.steps_per_epoch

    def run(
        self,
        start: int,
        log: MetricsLog,
        progress: ProgressLine,
        save: Callable[[int], None],
    ) -> Scores | None:
        """Trains from step `start` to the end.

        Args:
            start: Number of steps that are done.
            log: Where each epoch is written down.
            progress: Where the state is shown.
            save: Is called with the number of steps when a checkpoint is due.

        Returns:
            The last epoch's scores, or None if there was nothing left to do.

        Raises:
            ValueError: If a picture cannot be decoded, or the loss is not finite.
        """
        scores = None
        batches = self._batches(start)
        for step in range(start + 1, self.steps + 1):
            rate = self._rate(step - 1)
            self._step(batches, step, rate)
            self._show(progress, step)
            if step % self.steps_per_epoch == 0:
                scores = self._end_epoch(step, rate, log, progress)
                save(step)
            elif step % self._config.checkpoint_steps == 0:
                save(step)
        return scores

    def evaluate(self) -> Scores:
        """The scores on the validation pictures, as things stand."""
        return self._learner.evaluator.evaluate(self._source, self._config.batch_size)

    def _batches(self, step: int) -> Any:
        config = self._config
        stream = training_batches(
            self._source,
            config.image_size,
            config.batch_size,
            config.seed,
            start=step * config.batch_size,
            crop_chunk=config.crop_chunk,
        )
        return iter(self._strategy.experimental_distribute_dataset(stream))

    def _rate(self, step: int) -> float:
        return learning_rate(
            step,
            schedule=self._config.schedule,
            highest=self._config.learning_rate,
            warmup_steps=self._config.warmup_steps,
            total_steps=self.steps,
        )

    def _step(self, batches: Any, step: int, rate: float) -> None:
        try:
            with self._watch.waiting():
                batch = next(batches)
        except tf.errors.OpError as error:
            raise self._explained(error, step) from error
        with self._watch.working(self._config.batch_size):
            self._learner.step(batch, rate)

    def _explained(self, error: Exception, step: int) -> Exception:
        """The error that names the picture, where it was a picture's fault."""
        size = self._config.batch_size
        stream = self._source.shuffled(TRAIN, self._config.seed, (step - 1) * size)
        return explained(error, stream.take(size), self._source)

    def _show(self, progress: ProgressLine, step: int) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return
        self._looked = now
        scores = self._scores_so_far(step)
        watch = self._watch
        progress.update(
            step, scores.loss, scores.top1, watch.images_per_second, watch.data_wait
        )

    def _scores_so_far(self, step: int) -> Scores:
        with self._watch.working(0):  # on a GPU the steps are waited for here
            scores = Scores.of(self._learner.totals.numpy())
        if not math.isfinite(scores.loss):
            raise ValueError(
                "the loss must stay finite; lower --learning_rate or raise "
                f"--warmup_steps. Received: loss={scores.loss} by step {step}"
            )
        return scores

    def _end_epoch(
        self, step: int, rate: float, log: MetricsLog, progress: ProgressLine
    ) -> Scores:
        trained, held_out = self._scores_so_far(step), self.evaluate()
        row = {
            "epoch": step // self.steps_per_epoch,
            "loss": trained.loss,
            "top1": trained.top1,
            "top5": trained.top5,
            "val_loss": held_out.loss,
            "val_top1": held_out.top1,
            "val_top5": held_out.top5,
            "learning_rate": rate,
            "images_per_second": self._watch.images_per_second,
            "data_wait": self._watch.data_wait,
        }
        log.write(row, step)
        progress.say(_epoch_line(row, self._config.epochs))
        self._learner.totals.assign(tf.zeros_like(self._learner.totals))
        self._watch.restart()
        return held_out


def _epoch_line(row: dict[str, Any], epochs: int) -> str:
    return (
        f"epoch {row['epoch']}/{epochs}  loss {row['loss']:.3f}  "
        f"top-1 {row['top1']:.3f}  val loss {row['val_loss']:.3f}  "
        f"val top-1 {row['val_top1']:.3f}  val top-5 {row['val_top5']:.3f}  "
        f"{row['images_per_second']:.0f} images/s  data wait {row['data_wait']:.1%}"
    )
