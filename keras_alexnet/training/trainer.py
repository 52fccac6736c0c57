"""`Trainer(config).fit()`: a run from its first step, or from where it stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from rich.console import Console

from keras_alexnet import files
from keras_alexnet._version import __version__
from keras_alexnet.data import open_source
from keras_alexnet.evaluation import Scores
from keras_alexnet.export import export_saved_model
from keras_alexnet.models import AlexNet
from keras_alexnet.tensorflow_paths import check_plain
from keras_alexnet.training import cluster
from keras_alexnet.training.checkpoints import Checkpoints
from keras_alexnet.training.cluster_environment import find_workers
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.description import layer_table, opening, sizes
from keras_alexnet.training.devices import open_strategy
from keras_alexnet.training.epochs import Epochs
from keras_alexnet.training.learner import Learner
from keras_alexnet.training.loop import Loop
from keras_alexnet.training.memory import peak_memory
from keras_alexnet.training.profile import Profiler
from keras_alexnet.training.progress import ProgressLine
from keras_alexnet.training.run_directory import RunDirectory
from keras_alexnet.training.starting import checksum, start_from
from keras_alexnet.training.tower_devices import open_towers
from keras_alexnet.weights import runs


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run came to.

    Args:
        values: What `result.json` holds.
        fresh: False if the run had been finished before.
        exported: Whether a run that had been finished was exported now.
    """

    values: dict[str, Any]
    fresh: bool
    exported: bool = False


class Trainer:
    """Trains an AlexNet as a configuration says.

    Run again with the same configuration, it goes on from the newest checkpoint; a
    finished run is left as it is, but for an export that it has not written yet.

    Args:
        config: The settings.
        console: Where progress is shown; standard output if not given.

    Raises:
        ValueError: If `model_dir` holds another configuration's run.

    Example:

    >>> config = TrainingConfig(data="shapes", image_size=96, epochs=1)
    >>> Trainer(config).fit().values["val_top1"]  # doctest: +SKIP
    0.55
    """

    def __init__(self, config: TrainingConfig, console: Console | None = None) -> None:
        self.config = config
        self.run = RunDirectory(config.model_dir)
        self.run.check(config)
        if config.export_dir is not None:
            files.check_directory("export_dir", Path(config.export_dir))
            check_plain("export_dir", config.export_dir)
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._strategy: tf.distribute.Strategy | None = None

    def fit(self) -> Result:
        """Trains to the end, evaluates, exports, and writes `result.json`.

        Returns:
            The `Result`, which is an earlier one's if the run had been finished.

        Raises:
            ValueError: If the data cannot be had, a picture cannot be decoded, the
                loss is not finite, or a checkpoint cannot be written.
            Stopped: On SIGTERM, SIGINT and SIGHUP, once the state is saved.
        """
        finished = self.run.result
        if finished is not None:
            return self._finished(finished)
        try:
            return self._fit(time.monotonic())
        except tf.errors.OpError as error:
            lost = cluster.lost_worker(error, self._strategy)
            if lost is None:
                raise
            raise lost from error

    def _finished(self, values: dict[str, Any]) -> Result:
        """A run that had been finished, with an export if one is asked for anew."""
        wanted, workers = self.config.export_dir, find_workers()
        chief = workers is None or workers.own == 0
        if wanted is None or not chief or _lies_in(values.get("export"), wanted):
            return Result(values, fresh=False)
        with self.run.locked():
            values = {**values, "export": str(self._export(wanted))}
            self.run.finish(values)
        return Result(values, fresh=False, exported=True)

    def _fit(self, began: float) -> Result:
        self._prepare()
        cluster.check_shared(self._strategy, "model_dir", self.run.path)
        with cluster.directory_of(self._strategy, self.run.path) as path:
            # The run's directory for the chief, for others one that does not stay.
            self._own_run = RunDirectory(str(path))
            with self._own_run.locked():
                self._own_run.claim(self.config, self._source)
                steps = self._train()
                scores = self._loop.scores or self._loop.evaluate()
                return Result(self._finish(scores, steps, began), fresh=True)

    def dry_run(self) -> None:
        """Prints settings, layers, steps and memory, and writes nothing.

        Data that have to be drawn or fetched first are, all the same.
        """
        self._prepare()
        model = self._learner.model
        self._console.print(self.config.as_flags())
        self._console.print(layer_table(model))
        per_epoch = self._loop.steps_per_epoch
        self._console.print(f"\n{sizes(self.config, model, per_epoch)}")

    def _prepare(self) -> None:
        config = self.config
        # First of all: a strategy over several machines stands no work before it.
        self._strategy = self._strategy or self._opened()
        if not cluster.is_chief(self._strategy):
            self._console.print(cluster.place(self._strategy))
            self._console = Console(quiet=True)
        keras.utils.set_random_seed(config.seed)
        if config.deterministic:
            tf.config.experimental.enable_op_determinism()
        self._console.print(f"opening the data: {config.data} ...")
        with cluster.chief_first(self._strategy):
            self._source = source = open_source(
                config.data, config.data_dir, config.manual_dir
            )
        cluster.agree(
            self._strategy,
            "the fingerprint of the data",
            lambda: int(source.fingerprint()[:15], 16),
        )
        self.run.check_data(source)
        classes, statistics = source.class_names, source.statistics
        self._learner = Learner(config, len(classes), statistics, self._strategy)
        self._loop = Loop(config, source, self._learner, self._strategy)
        replicas = self._strategy.num_replicas_in_sync
        self._console.print(opening(config, source, self._loop.steps, replicas))

    def _opened(self) -> tf.distribute.Strategy:
        config = self.config
        if config.tower_devices:
            return open_towers(config.strategy, config.devices, config.tower_devices)
        return open_strategy(
            config.strategy,
            config.devices,
            config.batch_size,
            told=runs.parse(config.as_flags()),
        )

    def _train(self) -> int:
        """Goes on from the newest checkpoint; returns the number of steps done."""
        say = self._console.print
        model = self._learner.model
        epochs = Epochs(self._own_run, self.config.epochs, model)
        state = {**self._learner.state(), "errors": epochs.variable}
        network = self._learner.network
        checkpoints = Checkpoints(
            self.run.path, state, say, network.gather, network.scatter, self._strategy
        )
        with cluster.chief_first(self._strategy):  # It removes damaged ones.
            start = checkpoints.restore()
        cluster.agree(
            self._strategy, "the step that the run goes on from", lambda: start
        )
        if start:
            say(f"taken up again after step {start}")
        elif self.config.init_from is not None:
            say(self._begin(self.config.init_from))
        epochs.open()
        profiler = Profiler(self.config.profile_steps, str(self._own_run.events_path))
        with (
            contextlib.closing(profiler),
            ProgressLine(self._console, start, self._loop.steps) as progress,
        ):
            return self._loop.run(start, epochs, progress, checkpoints.save, profiler)

    def _begin(self, origin: str) -> str:
        """Takes over other weights; returns the line that says which."""
        config, model = self.config, self._learner.model
        line = start_from(model, origin, config.variant, config.init_layers)
        cluster.agree(
            self._strategy, "the weights to begin with", lambda: checksum(model)
        )
        return line

    def _finish(self, scores: Scores, steps: int, began: float) -> dict[str, Any]:
        values = {
            "val_top1": scores.top1,
            "val_top5": scores.top5,
            "val_loss": scores.loss,
            "val_pictures": scores.pictures,
            "steps": steps,
            "seconds": round(time.monotonic() - began, 1),  # of this call
            "peak_memory_gib": round(peak_memory(), 2),
            "export": None,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "keras_alexnet": __version__,
        }
        chief = cluster.is_chief(self._strategy)
        if chief and self.config.export_dir is not None:
            values["export"] = str(self._export(self.config.export_dir))
        self._own_run.finish(values)
        # All end together: if the chief fails here, all have to be started again.
        cluster.gathered(self._strategy, 0)
        return values

    def _export(self, path: str) -> Path:
        # A model of its own, from the checkpoint: plain variables on one device.
        run = self.run.path
        model = AlexNet(self.config.variant, weights=run)
        return export_saved_model(
            model,
            path,
            class_names=runs.class_names(run),
            preprocessing=runs.preprocessing(run),
        )


def _lies_in(export: str | None, directory: str) -> bool:
    """Whether there is an export, a version of this directory."""
    if export is None or not os.path.isdir(export):
        return False
    return os.path.dirname(os.path.abspath(export)) == os.path.abspath(directory)
