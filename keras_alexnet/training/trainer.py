"""`Trainer(config).fit()`: a run from its first step, or resumed."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from rich.console import Console

from keras_alexnet import files, terminal
from keras_alexnet.architectures import Architecture
from keras_alexnet.data.sources import TRAIN, Source
from keras_alexnet.live_line import PictureCount
from keras_alexnet.ops.convolution import keep_channels_last
from keras_alexnet.tensorflow_paths import check_plain
from keras_alexnet.training import pictures
from keras_alexnet.training.checkpoints import Checkpoints
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.description import (
    first_lines,
    layer_table,
    notes,
    rate_ahead,
    sizes,
    without_momentum,
)
from keras_alexnet.training.devices import open_strategy, open_towers
from keras_alexnet.training.epochs import Epochs, new_errors
from keras_alexnet.training.finishing import Result, finish, finished
from keras_alexnet.training.kept_weights import KeptWeights
from keras_alexnet.training.loop import Loop
from keras_alexnet.training.network import Network, has_begun, network_of
from keras_alexnet.training.profiling import Profiler
from keras_alexnet.training.progress import ProgressLine
from keras_alexnet.training.rates import Rates
from keras_alexnet.training.run_directory import RunDirectory
from keras_alexnet.training.run_settings import config_of_run
from keras_alexnet.training.starting import checksum, start_from
from keras_alexnet.training.step import TrainStep
from keras_alexnet.training.workers import coordination
from keras_alexnet.weights import runs


@dataclasses.dataclass(frozen=True)
class _Setup:
    """What a run needs before its first step."""

    strategy: tf.distribute.Strategy
    source: Source
    train_step: TrainStep
    rates: Rates
    own: Architecture | None  # the record that it trains, if that is no variant

    @property
    def is_chief(self) -> bool:
        return coordination.is_chief(self.strategy)


class Trainer:
    """Trains an AlexNet by a configuration.

    Run again with the same configuration, it resumes from the newest checkpoint; with
    another number of epochs, it continues to that. A finished run does not change, but
    it is exported if it was not yet, and those of its pictures that are missing are
    drawn. `Trainer.of_run` takes the settings from the run.

    Args:
        config: The settings. Variant and size, if not given, are those of
            `init_from`.
        console: Where progress is shown; standard output if not given.
        architecture: A record of your own to train, in place of `config.variant`;
            `dataclasses.replace` makes one from those of
            `keras_alexnet.architectures`.

    Raises:
        ValueError: If `model_dir` holds another run, the weights to begin with cannot
            be opened, or the pictures are too small for the network.

    Example:

    >>> config = TrainingConfig(data="shapes", image_size=96, epochs=1)
    >>> Trainer(config).fit().values["val_top1"]  # doctest: +SKIP
    0.55
    >>> record = dataclasses.replace(architectures.get("paper"), dense=(256, 256))
    >>> Trainer(config, architecture=record).fit()  # doctest: +SKIP
    """

    def __init__(
        self,
        config: TrainingConfig,
        console: Console | None = None,
        architecture: Architecture | None = None,
    ) -> None:
        self.config = config
        self._given = config, architecture
        self.run = RunDirectory(config.model_dir)
        if config.init_from is None or has_begun(self.run.path):
            self.config = self._settled().config
        self._course = self.run.course(config.epochs)
        if config.export_dir is not None:
            files.check_directory("export_dir", Path(config.export_dir))
            check_plain("export_dir", config.export_dir)
        self._console = console or terminal.new_console()

    @classmethod
    def of_run(
        cls, model_dir: str | os.PathLike, console: Console | None = None, **given: Any
    ) -> Trainer:
        """A trainer that continues a run with the run's own settings.

        Args:
            model_dir: The run's directory.
            console: Where progress is shown; standard output if not given.
            **given: Settings in place of the run's, as `epochs=120`; those that define
                the run must be the run's.

        Raises:
            ValueError: If `model_dir` holds no run, or another one than is given.

        Example:

        >>> Trainer.of_run("runs/photos", epochs=120).fit()  # doctest: +SKIP
        """
        return cls(config_of_run(model_dir, **given), console)

    def fit(self) -> Result:
        """Trains to the end, evaluates, exports, writes `result.json`, and draws.

        What cannot be drawn is reported, and is no error.

        Returns:
            The `Result`; that of the earlier call if the run was finished before.

        Raises:
            ValueError: If the data cannot be opened, differ from those that the run
                began with, a picture cannot be decoded, the loss is not finite, or a
                checkpoint cannot be written.
            Stopped: On SIGTERM, SIGINT and SIGHUP, after the state was saved.
        """
        ended = finished(self.run, self.config, self._say)
        if ended is not None:
            return ended
        began = time.monotonic()
        # Before anything else: a strategy over several machines requires that.
        strategy = self._opened()
        try:
            return self._fit(self._set_up(strategy), began)
        except tf.errors.OpError as error:
            lost = coordination.lost_worker(error, strategy)
            if lost is None:
                raise
            raise lost from error

    def dry_run(self) -> None:
        """Prints settings, layers, steps and memory; the run writes nothing.

        Data that have to be drawn or downloaded are, since their sizes are needed.
        """
        setup = self._set_up(self._opened())
        model = setup.train_step.model
        self._say(self.config.as_flags())
        terminal.say_table(self._console, layer_table(model))
        self._say(f"\n{sizes(self.config, model, setup.rates)}")

    def _say(self, text: str) -> None:
        terminal.say(self._console, text)

    def _settled(self) -> Network:
        """What the run trains, whose directory it is."""
        network = network_of(*self._given)
        self.run.check(network.config, network.own)
        return network

    def _opened(self) -> tf.distribute.Strategy:
        config = self.config
        if config.tower_devices:
            return open_towers(
                config.strategy,
                config.devices,
                config.tower_devices,
                config.collectives,
            )
        return open_strategy(
            config.strategy,
            config.devices,
            config.batch_size,
            collectives=config.collectives,
            must_match=runs.parse(config.as_flags()),
        )

    def _set_up(self, strategy: tf.distribute.Strategy) -> _Setup:
        keep_channels_last()
        # Weights to begin with are opened here: a strategy has to come before any op.
        network = self._settled()
        self.config = config = network.config
        if not coordination.is_chief(strategy):
            self._say(coordination.introduction(strategy))
            self._console = Console(quiet=True)
        keras.utils.set_random_seed(config.seed)
        if config.deterministic:
            tf.config.experimental.enable_op_determinism()
        if self.run.begun:
            self._say(f"settings from {self.run.flags_path}")
        source = self._open_data(strategy)
        classes = len(source.class_names)
        train_step = TrainStep(network, classes, source.statistics, strategy)
        one_pass = math.ceil(source.sizes[TRAIN] / config.batch_size)
        steps_per_epoch = config.steps_per_epoch or one_pass
        names = train_step.train_state.names
        rates = Rates(config, names, steps_per_epoch, self._course)
        replicas = strategy.num_replicas_in_sync
        name, mean = network.architecture.name, train_step.recipe.preprocessing.mean
        self._say(first_lines(config, name, source, rates, replicas, mean))
        count, begun = source.sizes[TRAIN], network.beginning
        for note in notes(config, count, rates, begun, source.class_names):
            self._say(note)
        # Before the directory is claimed: weights that do not fit are refused.
        self._begin(strategy, network, train_step, source.class_names)
        return _Setup(strategy, source, train_step, rates, network.own)

    def _open_data(self, strategy: tf.distribute.Strategy) -> Source:
        config = self.config
        self._say(f"opening the data: {config.data} ...")
        with coordination.chief_first(strategy):
            source = config.open_data()
        for line in source.notes:
            self._say(line)
        coordination.agree(
            strategy,
            "the fingerprint of the data",
            lambda: int(source.fingerprint()[:15], 16),
        )
        self.run.check_data(source)
        self.run.keep_order(source)
        return source

    def _fit(self, setup: _Setup, began: float) -> Result:
        strategy = setup.strategy
        coordination.check_shared(strategy, "model_dir", self.run.path)
        with coordination.directory_of(strategy, self.run.path) as path:
            # The run's directory for the chief, a temporary one for other workers.
            run = RunDirectory(str(path))
            with run.locked():
                run.claim(
                    self.config,
                    setup.source,
                    setup.train_step.recipe,
                    setup.own,
                    self._course,
                )
                values = self._train(setup, run, began)
                if setup.is_chief:
                    if self.config.pictures:
                        pictures.draw(run.path, self._say)
                    self._report(run.path, setup.source)
                return Result(values, fresh=True)

    def _report(self, run: Path, source: Source) -> None:
        if self.config.report:
            self._say("looking into the network ...")
            with PictureCount(self._console) as progress:
                pictures.report(run, source, self._say, progress.update)

    def _train(self, setup: _Setup, run: RunDirectory, began: float) -> dict[str, Any]:
        """Resumes from the newest checkpoint; returns the content of result.json."""
        say, train_step, config = self._say, setup.train_step, self.config
        errors = new_errors()
        checkpoints = Checkpoints(
            self.run.path,
            {**train_step.variables(), "errors": errors},
            say,
            train_step.train_state.gather,
            train_step.train_state.scatter,
            setup.strategy,
        )
        with coordination.chief_first(setup.strategy):  # it renames damaged ones
            start = checkpoints.restore()
        coordination.agree(
            setup.strategy, "the step that the run resumes from", lambda: start
        )
        coordination.agree(
            setup.strategy, "the course of the run", lambda: self._course.checksum
        )
        order = train_step.recipe.preprocessing.channel_order
        epochs = Epochs(run, errors, train_step.model, config.epochs, order)
        if start:
            say(f"resumed after step {start}")
            self._resume(setup, start, epochs, checkpoints.weights_alone)
        kept = KeptWeights(
            self.run.path, config.keep, config.keep_optimizer, setup.is_chief
        )
        with (
            contextlib.closing(
                Profiler(config.profile_steps, str(run.events_path))
            ) as profiler,
            ProgressLine(self._console, start, setup.rates.total_steps) as progress,
        ):
            loop = Loop(
                config,
                setup.source,
                train_step,
                setup.strategy,
                rates=setup.rates,
                epochs=epochs,
                checkpoints=checkpoints,
                kept=kept,
                progress=progress,
                profiler=profiler,
            )
            steps = loop.run(start)
        scores = loop.scores or loop.evaluate()
        run.write_confusion(loop.confusion, setup.source.class_names)
        return finish(run, config, setup.strategy, kept, epochs, scores, steps, began)

    def _resume(
        self, setup: _Setup, start: int, epochs: Epochs, weights_alone: bool
    ) -> None:
        """Completes a state of weights alone, and says how the run continues."""
        say, rates = self._say, setup.rates
        if weights_alone:
            setup.train_step.restart_averages()
        if start == rates.total_steps or rates.over(epochs.errors):
            return
        if weights_alone:
            say(without_momentum(self.config, epochs))
        if self._course.before:
            say(rate_ahead(rates, start, epochs.errors))

    def _begin(
        self,
        strategy: tf.distribute.Strategy,
        network: Network,
        train_step: TrainStep,
        class_names: Sequence[str],
    ) -> None:
        """Copies the weights to begin with into the model, if there are any."""
        beginning, model = network.beginning, train_step.model
        if beginning is None:
            return
        if network.line:
            self._say(network.line)
        reads, layers = train_step.recipe.preprocessing, self.config.init_layers
        self._say(start_from(model, beginning, reads, layers, class_names))
        train_step.restart_averages()
        coordination.agree(
            strategy, "the weights to begin with", lambda: checksum(model)
        )
