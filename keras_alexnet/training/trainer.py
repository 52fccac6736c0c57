"""`Trainer(config).fit()`: a run from its first step, or resumed."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import time
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from rich.console import Console

from keras_alexnet import files
from keras_alexnet._version import __version__
from keras_alexnet.architectures import Architecture
from keras_alexnet.data import open_source
from keras_alexnet.data.sources import TRAIN, Source
from keras_alexnet.evaluation import Scores
from keras_alexnet.export import export_saved_model
from keras_alexnet.models import AlexNet
from keras_alexnet.tensorflow_paths import check_plain
from keras_alexnet.training.checkpoints import Checkpoints
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.description import first_lines, layer_table, sizes
from keras_alexnet.training.devices import open_strategy, open_towers
from keras_alexnet.training.epochs import Epochs, ProgressLine, new_errors
from keras_alexnet.training.loop import Loop
from keras_alexnet.training.network import Network, has_begun, network_of
from keras_alexnet.training.profiling import Profiler, peak_memory
from keras_alexnet.training.rates import Rates
from keras_alexnet.training.run_directory import RunDirectory
from keras_alexnet.training.starting import checksum, start_from
from keras_alexnet.training.step import TrainStep
from keras_alexnet.training.workers import coordination
from keras_alexnet.training.workers.environment import find_workers
from keras_alexnet.weights import runs


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of a run.

    Args:
        values: The content of `result.json`.
        fresh: False if the run was finished before this call.
        exported: Whether this call exported a run that was finished before.
    """

    values: dict[str, Any]
    fresh: bool
    exported: bool = False


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

    Run again with the same configuration, it resumes from the newest checkpoint; a
    finished run does not change, but it is exported if it was not yet.

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
        if config.export_dir is not None:
            files.check_directory("export_dir", Path(config.export_dir))
            check_plain("export_dir", config.export_dir)
        # Paths and names are shown as they are: ":six:" is no emoji.
        self._console = console or Console(
            highlight=False, soft_wrap=True, markup=False, emoji=False
        )

    def fit(self) -> Result:
        """Trains to the end, evaluates, exports, and writes `result.json`.

        Returns:
            The `Result`; that of the earlier call if the run was finished before.

        Raises:
            ValueError: If the data cannot be opened, differ from those that the run
                began with, a picture cannot be decoded, the loss is not finite, or a
                checkpoint cannot be written.
            Stopped: On SIGTERM, SIGINT and SIGHUP, after the state was saved.
        """
        finished = self.run.result
        if finished is not None:
            return self._finished(finished)
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
        self._console.print(self.config.as_flags())
        self._console.print(layer_table(model))
        self._console.print(f"\n{sizes(self.config, model, setup.rates)}")

    def _finished(self, values: dict[str, Any]) -> Result:
        """The result of a finished run, which is exported if that is requested."""
        wanted, workers = self.config.export_dir, find_workers()
        chief = workers is None or workers.own == 0
        if wanted is None or not chief or _is_version_of(values.get("export"), wanted):
            return Result(values, fresh=False)
        with self.run.locked():
            values = {**values, "export": str(self._export(wanted))}
            self.run.finish(values)
        return Result(values, fresh=False, exported=True)

    def _settled(self) -> Network:
        """What the run trains, whose directory it is."""
        network = network_of(*self._given)
        self.run.check(network.config, network.own)
        return network

    def _opened(self) -> tf.distribute.Strategy:
        config = self.config
        if config.tower_devices:
            return open_towers(config.strategy, config.devices, config.tower_devices)
        return open_strategy(
            config.strategy,
            config.devices,
            config.batch_size,
            must_match=runs.parse(config.as_flags()),
        )

    def _set_up(self, strategy: tf.distribute.Strategy) -> _Setup:
        # Weights to begin with are opened here: a strategy has to come before any op.
        network = self._settled()
        self.config = config = network.config
        if not coordination.is_chief(strategy):
            self._console.print(coordination.introduction(strategy))
            self._console = Console(quiet=True)
        keras.utils.set_random_seed(config.seed)
        if config.deterministic:
            tf.config.experimental.enable_op_determinism()
        source = self._open_data(strategy)
        classes = len(source.class_names)
        train_step = TrainStep(network, classes, source.statistics, strategy)
        one_pass = math.ceil(source.sizes[TRAIN] / config.batch_size)
        steps_per_epoch = config.steps_per_epoch or one_pass
        rates = Rates(config, train_step.train_state.names, steps_per_epoch)
        replicas = strategy.num_replicas_in_sync
        name = network.architecture.name
        mean = train_step.recipe.preprocessing.mean
        self._console.print(first_lines(config, name, source, rates, replicas, mean))
        # Before the directory is claimed: weights that do not fit are refused.
        self._begin(strategy, network, train_step)
        return _Setup(strategy, source, train_step, rates, network.own)

    def _open_data(self, strategy: tf.distribute.Strategy) -> Source:
        config = self.config
        self._console.print(f"opening the data: {config.data} ...")
        with coordination.chief_first(strategy):
            source = open_source(config.data, config.data_dir, config.manual_dir)
        coordination.agree(
            strategy,
            "the fingerprint of the data",
            lambda: int(source.fingerprint()[:15], 16),
        )
        self.run.check_data(source)
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
                )
                scores, steps = self._train(setup, run)
                return Result(self._finish(setup, run, scores, steps, began), True)

    def _train(self, setup: _Setup, run: RunDirectory) -> tuple[Scores, int]:
        """Resumes from the newest checkpoint; returns the last scores, all steps."""
        say, train_step = self._console.print, setup.train_step
        errors = new_errors(self.config.epochs)
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
        if start:
            say(f"resumed after step {start}")
        with (
            contextlib.closing(
                Profiler(self.config.profile_steps, str(run.events_path))
            ) as profiler,
            ProgressLine(self._console, start, setup.rates.total_steps) as progress,
        ):
            loop = Loop(
                self.config,
                setup.source,
                train_step,
                setup.strategy,
                rates=setup.rates,
                epochs=Epochs(run, errors, train_step.model),
                checkpoints=checkpoints,
                progress=progress,
                profiler=profiler,
            )
            steps = loop.run(start)
        return loop.scores or loop.evaluate(), steps

    def _begin(
        self,
        strategy: tf.distribute.Strategy,
        network: Network,
        train_step: TrainStep,
    ) -> None:
        """Copies the weights to begin with into the model, if there are any."""
        beginning, model = network.beginning, train_step.model
        if beginning is None:
            return
        if network.line:
            self._console.print(network.line)
        reads, layers = train_step.recipe.preprocessing, self.config.init_layers
        self._console.print(start_from(model, beginning, reads, layers))
        train_step.train_state.begin_averages()
        coordination.agree(
            strategy, "the weights to begin with", lambda: checksum(model)
        )

    def _finish(
        self,
        setup: _Setup,
        run: RunDirectory,
        scores: Scores,
        steps: int,
        began: float,
    ) -> dict[str, Any]:
        values = {
            "val_top1": scores.top1,
            "val_top5": scores.top5,
            "val_loss": scores.loss,
            "val_pictures": scores.pictures,
            "steps": steps,
            "seconds": round(time.monotonic() - began, 1),  # this call alone
            "peak_memory_gib": round(peak_memory(), 2),
            "export": None,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "keras_alexnet": __version__,
        }
        if setup.is_chief and self.config.export_dir is not None:
            values["export"] = str(self._export(self.config.export_dir))
        run.finish(values)
        # Workers end together: if the chief fails here, all have to start again.
        coordination.gathered(setup.strategy, 0)
        return values

    def _export(self, path: str) -> Path:
        # A new model from the checkpoint has plain variables on one device.
        run = self.run.path
        return export_saved_model(
            AlexNet(weights=run),
            path,
            class_names=runs.class_names(run),
            preprocessing=runs.recipe(run),
        )


def _is_version_of(export: str | None, directory: str) -> bool:
    """Whether `export` exists and is a version in `directory`."""
    if export is None or not os.path.isdir(export):
        return False
    return os.path.dirname(os.path.abspath(export)) == os.path.abspath(directory)
