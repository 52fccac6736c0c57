"""The loop over steps and epochs: train, show, evaluate, write down, save."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_alexnet.data import Source, training_batches
from keras_alexnet.data.shares import shared
from keras_alexnet.data.sources import TRAIN
from keras_alexnet.data.unreadable import explained
from keras_alexnet.evaluation import Scores
from keras_alexnet.training import cluster, left_out
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.epochs import Epochs
from keras_alexnet.training.learner import Knobs, Learner
from keras_alexnet.training.profile import Profiler
from keras_alexnet.training.progress import ProgressLine
from keras_alexnet.training.rates import Rates
from keras_alexnet.training.stopping import Stopped, StopRequests
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
        self._looked = self._saved = time.monotonic()
        self._told = 0
        self._requests = StopRequests()
        self._wishes = cluster.Wishes(strategy)
        self._heard = cluster.Wish()
        self._asked = False  # for a checkpoint
        self.scores: Scores | None = None  # of the last epoch that ended here
        one_pass = math.ceil(source.sizes[TRAIN] / config.batch_size)
        self.steps_per_epoch = config.steps_per_epoch or one_pass
        self.steps = config.epochs * self.steps_per_epoch
        self.rates = Rates(config, learner.network.names, self.steps_per_epoch)

    def run(
        self,
        start: int,
        epochs: Epochs,
        progress: ProgressLine,
        save: Callable[[int], None],
        profiler: Profiler,
    ) -> int:
        """Trains from step `start` to the end.

        Args:
            start: Number of steps that are done.
            epochs: Those that are over, and where each is written down.
            progress: Where the state is shown.
            save: Is called with the number of steps when a checkpoint is due.
            profiler: Watches some of the steps.

        Returns:
            The number of steps that the run came to.

        Raises:
            ValueError: If a picture cannot be decoded, or the loss is not finite.
            Stopped: If it was asked to stop, once its state is saved.
        """
        self._epochs, self._progress, self._save = epochs, progress, save
        self._told = int(self._learner.left_out.numpy()[0])
        self._check_start(start)
        batches = None
        step = start
        with self._requests.noted():
            while not self._over():
                end = (len(epochs.errors) + 1) * self.steps_per_epoch
                while step < end:
                    batches = batches or self._batches(step)
                    step += 1
                    with profiler.step(step):
                        self._step(batches, step)
                    self._after(step, last=step == end)
                self._end_epoch(step)
        return step

    def _check_start(self, step: int) -> None:
        """Raises ValueError unless the checkpoint lies within the epoch to go on with.

        Else epochs would follow without a step, or with more steps than they have.
        """
        done, steps = len(self._epochs.errors), self.steps_per_epoch
        if not done * steps <= step <= (done + 1) * steps:
            raise ValueError(
                f"a checkpoint after {done} epochs of {steps} steps must be of a step "
                f"from {done * steps} to {(done + 1) * steps}; bring back the data "
                f"that the run has begun with. Received: {step} steps"
            )

    def evaluate(self) -> Scores:
        """The scores on the validation pictures, as things stand."""
        with self._learner.averaged():
            return self._learner.evaluator.evaluate(
                self._source,
                self._config.batch_size,
                # Several workers cannot stop there, each at a batch of its own.
                None if cluster.several(self._strategy) else self._requests.check,
            )

    def _over(self) -> bool:
        errors = self._epochs.errors
        return len(errors) == self._config.epochs or self.rates.over(errors)

    def _batches(self, step: int) -> Any:
        config = self._config

        def stream(rows: range) -> tf.data.Dataset:
            return training_batches(
                self._source,
                config.image_size,
                config.batch_size,
                config.seed,
                start=step * config.batch_size,
                crop_chunk=config.crop_chunk,
                crop=config.crop,
                crop_area=config.crop_area,
                rows=rows,
            )

        return iter(shared(self._strategy, stream, config.batch_size, endless=True))

    def _step(self, batches: Any, step: int) -> None:
        try:
            with self._watch.waiting():
                batch = next(batches)
        except tf.errors.OpError as error:
            raise self._explained(error, step) from error
        own = self._wish()
        with self._watch.working(self._config.batch_size):
            summed = self._learner.step(batch, self._knobs(step)._replace(wishes=own))
        self._heard = self._wishes.heard(own, summed)

    def _wish(self) -> cluster.Wish:
        minutes = self._config.checkpoint_minutes or math.inf
        due = time.monotonic() - self._saved >= 60 * minutes
        # By one clock, and once: it is heard some steps later.
        save = due and not self._asked and cluster.is_chief(self._strategy)
        self._asked = self._asked or save
        return cluster.Wish(self._requests.name is not None, save)

    def _to_stop(self) -> bool:
        """Whether all are to stop after this step."""
        if cluster.several(self._strategy):
            return self._heard.stop > 0
        return self._requests.name is not None  # even if it came within the step

    def _knobs(self, step: int) -> Knobs:
        quiet = self._config.colour_noise_epochs
        epoch = (step - 1) // self.steps_per_epoch
        noise = 0.0 if quiet is not None and epoch >= quiet else 1.0
        return Knobs(step, self.rates.each(step - 1, self._epochs.errors), noise)

    def _explained(self, error: Exception, step: int) -> Exception:
        """The error that names the picture, where it was a picture's fault."""
        size = self._config.batch_size
        stream = self._source.shuffled(TRAIN, self._config.seed, (step - 1) * size)
        return explained(error, stream.take(size), self._source)

    def _after(self, step: int, last: bool) -> None:
        """What follows a step: a look at the sums, a checkpoint, a stop."""
        now = time.monotonic()
        # The chief alone: what it finds wrong, it says for all.
        if now - self._looked >= _LOOK_EVERY and cluster.is_chief(self._strategy):
            self._looked = now
            self._show(step)
        due = step % self._config.checkpoint_steps == 0
        if self._to_stop():
            self._stop(step)
        elif (due or self._heard.save) and not last:
            self._save_state(step)

    def _stop(self, step: int) -> None:
        self._save_state(step)
        cluster.gathered(self._strategy, 0)  # It is saved once the chief has.
        raise Stopped(step, self._requests.name or "another worker")

    def _save_state(self, step: int) -> None:
        self._scores_so_far(step)  # Nothing is saved that has gone wrong.
        self._save(step)
        self._saved = time.monotonic()
        self._asked = False

    def _show(self, step: int) -> None:
        scores = self._scores_so_far(step)
        watch = self._watch
        self._progress.update(
            step, scores.loss, scores.top1, watch.images_per_second, watch.data_wait
        )

    def _scores_so_far(self, step: int) -> Scores:
        with self._watch.working(0):  # on a GPU the steps are waited for here
            scores = Scores.of(self._learner.totals.numpy())
            left = self._learner.left_out.numpy()
        limit = self._config.nonfinite_limit
        if left[0] > (limit if self._config.on_nonfinite == "skip" else 0):
            raise ValueError(self._fault(left, step))
        if left[0] > self._told:
            self._told = left[0]
            self._progress.say(left_out.told(left, limit))
        return scores

    def _fault(self, left: Any, reached: int) -> str:
        config = self._config
        step = int(left[1 if config.on_nonfinite == "stop" else 2])
        names = left_out.batch_names(self._source, config.seed, config.batch_size, step)
        rate = self.rates.weights(step - 1, self._epochs.errors)
        return left_out.fault(names, Path(config.model_dir), step, reached, rate)

    def _end_epoch(self, step: int) -> None:
        trained = self._scores_so_far(step)
        if not trained.pictures:
            raise ValueError(
                "an epoch must have trained on some pictures to be written down; look "
                "at the data and at --on_nonfinite. Received: epoch "
                f"{len(self._epochs.errors) + 1}, up to step {step}, with none"
            )
        try:
            held_out = self.evaluate()
        except InterruptedError:
            self._stop(step)
        self.scores = held_out
        rate = self.rates.weights(step - 1, self._epochs.errors)
        line = self._epochs.end(trained, held_out, rate, self._watch, step)
        self._progress.say(line)
        self._learner.totals.assign(tf.zeros_like(self._learner.totals))
        self._watch.restart()
        self._save_state(step)
        if max(cluster.gathered(self._strategy, int(self._requests.name is not None))):
            raise Stopped(step, self._requests.name or "another worker")
