"""The loop over steps and epochs: train, show, evaluate, record, save."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_alexnet.data import Source, training_batches
from keras_alexnet.data.batches import distribute
from keras_alexnet.data.sources import TRAIN
from keras_alexnet.data.unreadable import READING, explained
from keras_alexnet.evaluation import Confusion, Scores
from keras_alexnet.training import nonfinite
from keras_alexnet.training.checkpoints import Checkpoints
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.epochs import Epochs
from keras_alexnet.training.kept_weights import KeptWeights
from keras_alexnet.training.profiling import Profiler, profile_window
from keras_alexnet.training.progress import ProgressLine, Stopwatch
from keras_alexnet.training.rates import Rates
from keras_alexnet.training.step import StepInputs, TrainStep
from keras_alexnet.training.stopping import Stopped, StopRequests
from keras_alexnet.training.workers import coordination
from keras_alexnet.training.workers.coordination import SharedSignals, Signals

_READ_EVERY = 0.5  # seconds between two reads of the sums, which wait for the device


class Loop:
    """Trains from one step to the last. Steps are counted from 1.

    Args:
        config: The run's settings.
        source: The data.
        train_step: The compiled training step.
        strategy: The strategy of the step.
        rates: The learning rate of each step.
        epochs: The epochs that are done, and the record of each.
        checkpoints: Where the state is saved.
        kept: The weights that are kept besides.
        progress: Where progress is shown.
        profiler: Profiles some of the steps.
    """

    def __init__(
        self,
        config: TrainingConfig,
        source: Source,
        train_step: TrainStep,
        strategy: tf.distribute.Strategy,
        *,
        rates: Rates,
        epochs: Epochs,
        checkpoints: Checkpoints,
        kept: KeptWeights,
        progress: ProgressLine,
        profiler: Profiler,
    ) -> None:
        self._config = config
        self._source = source
        self._train_step = train_step
        self._strategy = strategy
        self._rates = rates
        self._epochs = epochs
        self._checkpoints = checkpoints
        self._kept = kept
        self._progress = progress
        self._profiler = profiler
        self._watch = Stopwatch()
        self._read_at = self._saved_at = time.monotonic()
        self._requests = StopRequests()
        self._shared_signals = SharedSignals(strategy)
        self._signals = Signals()
        self._save_requested = False
        self._skipped_before = int(train_step.skipped.numpy()[0])
        self.scores: Scores | None = None  # of the last epoch of this call
        self.confusion = Confusion()  # of the last evaluation

    def run(self, start: int) -> int:
        """Trains to the end.

        Args:
            start: Number of steps that are done: 0 for a new run.

        Returns:
            The number of steps that the whole run has taken.

        Raises:
            ValueError: If a picture cannot be decoded, the loss is not finite, or
                the state cannot be saved.
            Stopped: If it was asked to stop, after its state was saved.
        """
        self._check_start(start)
        steps_per_epoch = self._rates.steps_per_epoch
        if start and start == len(self._epochs.errors) * steps_per_epoch:
            self._kept.end_epoch(start, self._epochs.errors)  # if it was killed there
        batches = None
        step = start
        with self._requests.noted(), self._checkpoints.written():
            while not self._over():
                end = (len(self._epochs.errors) + 1) * steps_per_epoch
                while step < end:
                    batches = batches or self._batches(step)
                    count = self._steps_of_call(step, end)
                    if count > 1:
                        self._steps(batches, step + 1, count)
                    else:
                        with self._profiler.step(step + 1):
                            self._step(batches, step + 1)
                    step += count
                    self._after(step, last=step == end)
                self._end_epoch(step)
        return step

    def evaluate(self) -> Scores | None:
        """The scores of the weights as they are on the validation pictures, if any."""
        self.confusion = Confusion()
        if not self._source.validates:
            return None
        with self._train_step.averaged():
            return self._train_step.evaluator.evaluate(
                self._source,
                self._config.batch_size,
                # Several workers cannot stop here: each would at another batch.
                None if coordination.several(self._strategy) else self._requests.check,
                self.confusion,
            )

    def _check_start(self, start: int) -> None:
        """Raises ValueError unless the checkpoint is of the epoch to resume.

        Else epochs would follow without a step, or with more steps than they have.
        """
        done, steps = len(self._epochs.errors), self._rates.steps_per_epoch
        if not done * steps <= start <= (done + 1) * steps:
            raise ValueError(
                f"a checkpoint after {done} epochs of {steps} steps must be of a step "
                f"from {done * steps} to {(done + 1) * steps}; restore the data that "
                f"the run began with. Received: {start} steps"
            )

    def _over(self) -> bool:
        errors = self._epochs.errors
        if len(errors) == self._config.epochs or self._rates.over(errors):
            return True
        return self._epochs.reached(self._config.target_top1)

    def _batches(self, start: int) -> Any:
        """The batches of the steps after the first `start`."""
        config, recipe = self._config, self._train_step.recipe

        def stream(rows: range) -> tf.data.Dataset:
            return training_batches(
                self._source,
                recipe.image_size,
                config.batch_size,
                config.seed,
                start=start * config.batch_size,
                crop_chunk=config.crop_chunk,
                crop=config.crop,
                crop_area=config.crop_area,
                resize_size=recipe.resize_size,
                warp=recipe.resize == "warp",
                rows=rows,
                mirror=config.mirror,
                rand_augment=config.operations,
                erasing=config.erases,
                mixing=config.mixing,
            )

        return iter(
            distribute(
                self._strategy,
                stream,
                config.batch_size,
                endless=True,
                ahead=1 + config.steps_per_call,
            )
        )

    def _steps_of_call(self, done: int, end: int) -> int:
        """How many steps to take next: as many as configured if they fit, or one.

        They fit before the next checkpoint that is due by its step, and beside steps
        that are profiled. This depends on nothing but the step, so that all workers
        make the same calls.

        Args:
            done: Number of steps that are done.
            end: The last step of the epoch.
        """
        config = self._config
        after = done + config.steps_per_call
        every = config.checkpoint_steps
        if every is not None:
            end = min(end, (done // every + 1) * every)
        first, last = profile_window(config.profile_steps) or (math.inf, 0)
        profiled = after >= first and done < last
        return config.steps_per_call if after <= end and not profiled else 1

    def _step(self, batches: Any, step: int) -> None:
        batch, inputs = self._next(batches, step), self._inputs(step)
        inputs = inputs._replace(signals=self._own_signals())
        with self._watch.working(self._config.batch_size):
            summed = self._train_step.step(batch, inputs)
        self._signals = self._shared_signals.read(inputs.signals, summed)

    def _steps(self, batches: Any, first: int, count: int) -> None:
        """Takes several steps in one call; its signals are those of the first step."""
        numbers = range(first, first + count)
        each = [self._next(batches, step) for step in numbers]
        inputs = [self._inputs(step) for step in numbers]
        inputs[0] = inputs[0]._replace(signals=self._own_signals())
        with self._watch.working(self._config.batch_size * count):
            summed = self._train_step.steps(each, inputs)
        self._signals = self._shared_signals.read(inputs[0].signals, summed)

    def _next(self, batches: Any, step: int) -> Any:
        try:
            with self._watch.waiting():
                return next(batches)
        except READING as error:
            raise self._explained(error, step) from error

    def _inputs(self, step: int) -> StepInputs:
        quiet = self._config.colour_noise_epochs
        done = self._rates.epochs_before(step)
        noise = 0.0 if quiet is not None and done >= quiet else 1.0
        rates = self._rates.each(step, self._epochs.errors)
        momentum = self._rates.average_momentum(step)
        return StepInputs(step, rates, noise, average_momentum=momentum)

    def _own_signals(self) -> Signals:
        seconds = 60 * self._config.checkpoint_minutes
        due = time.monotonic() - self._saved_at >= seconds
        # The clock of the chief alone decides, and it asks once: all workers, itself
        # included, read the signal some steps later.
        save = due and not self._save_requested and self._is_chief
        self._save_requested = self._save_requested or save
        return Signals(self._requests.name is not None, save)

    @property
    def _is_chief(self) -> bool:
        return coordination.is_chief(self._strategy)

    def _explained(self, error: Exception, step: int) -> Exception:
        """The error that names the picture, if a picture caused it."""
        size = self._config.batch_size
        stream = self._source.stream(TRAIN, self._config.seed, (step - 1) * size, size)
        return explained(error, stream.take(size), self._source)

    def _after(self, step: int, last: bool) -> None:
        """Shows progress, saves if that is due, and stops if that was requested."""
        now = time.monotonic()
        # The chief alone: its errors end the others too.
        if now - self._read_at >= _READ_EVERY and self._is_chief:
            self._read_at = now
            self._show(step)
        self._checkpoints.check()
        every = self._config.checkpoint_steps
        due = every is not None and step % every == 0
        if self._to_stop():
            self._stop(step)
        elif (due or self._signals.save) and not last:
            self._save(step)

    def _to_stop(self) -> bool:
        """Whether all workers stop after this step."""
        if coordination.several(self._strategy):
            return self._signals.stop > 0
        return self._requests.name is not None  # even one that came during the step

    def _stop(self, step: int) -> None:
        self._save(step)
        raise self._stopped(step)

    def _stopped(self, step: int) -> Stopped:
        self._checkpoints.wait()
        coordination.gathered(self._strategy, 0)  # until the chief has saved too
        return Stopped(step, self._requests.name or "another worker")

    def _save(self, step: int, then: Callable[[], None] = lambda: None) -> None:
        self._scores_so_far(step)  # raises if training failed: then nothing is saved
        self._checkpoints.save(step, then)
        self._saved_at = time.monotonic()
        self._save_requested = False

    def _show(self, step: int) -> None:
        scores = self._scores_so_far(step)
        watch = self._watch
        self._progress.update(
            step, scores.loss, scores.top1, watch.images_per_second, watch.data_wait
        )

    def _scores_so_far(self, step: int) -> Scores:
        """The scores of the epoch so far; ValueError if too many steps were skipped."""
        with self._watch.working(0):  # on a GPU this waits for the steps
            scores = Scores.of(self._train_step.totals.numpy())
            skipped = self._train_step.skipped.numpy()
        limit = self._config.nonfinite_limit
        if skipped[0] > (limit if self._config.on_nonfinite == "skip" else 0):
            raise ValueError(self._nonfinite_message(skipped, step))
        if skipped[0] > self._skipped_before:
            self._skipped_before = skipped[0]
            self._progress.say(nonfinite.skip_message(skipped, limit))
        return scores

    def _nonfinite_message(self, skipped: Any, reached: int) -> str:
        config = self._config
        step = int(skipped[1 if config.on_nonfinite == "stop" else 2])
        names = nonfinite.batch_names(
            self._source, config.seed, config.batch_size, step
        )
        rate = self._rates.weights(step, self._epochs.errors)
        return nonfinite.stop_message(
            names, Path(config.model_dir), step, reached, rate
        )

    def _end_epoch(self, step: int) -> None:
        trained = self._scores_so_far(step)
        if not trained.pictures:
            raise ValueError(
                "an epoch must have trained on some pictures to be recorded; check "
                "the data and --on_nonfinite. Received: epoch "
                f"{len(self._epochs.errors) + 1}, up to step {step}, with none"
            )
        try:
            self.scores = self.evaluate()
        except InterruptedError:
            self._stop(step)
        rate = self._rates.weights(step, self._epochs.errors)
        line = self._epochs.end(trained, self.scores, rate, self._watch, step)
        self._train_step.totals.assign(tf.zeros_like(self._train_step.totals))
        self._watch.restart()
        errors = tuple(self._epochs.errors)
        self._save(step, then=lambda: self._kept.end_epoch(step, errors))
        # Not before: if another worker is lost now, what was said is saved.
        self._progress.say(line)
        stopped = int(self._requests.name is not None)
        if max(coordination.gathered(self._strategy, stopped)):
            raise self._stopped(step)
