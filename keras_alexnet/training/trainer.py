"""`Trainer(config).fit()`: a run from its first step, or from where it stopped."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from rich.console import Console

from keras_alexnet import files
from keras_alexnet._version import __version__
from keras_alexnet.data import open_source
from keras_alexnet.data.sources import TRAIN
from keras_alexnet.evaluation import Scores
from keras_alexnet.export import export_saved_model
from keras_alexnet.models import AlexNet
from keras_alexnet.training import devices
from keras_alexnet.training.checkpoints import Checkpoints
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.learner import Learner
from keras_alexnet.training.loop import Loop
from keras_alexnet.training.metrics_log import MetricsLog
from keras_alexnet.training.progress import ProgressLine
from keras_alexnet.training.run_directory import RunDirectory
from keras_alexnet.weights.runs import steps_done


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run came to.

    Args:
        values: What `result.json` holds.
        fresh: False if the run had been finished before and nothing was done.
    """

    values: dict[str, Any]
    fresh: bool


class Trainer:
    """Trains an AlexNet as a configuration says.

    Run again with the same configuration, it goes on from the newest checkpoint; a
    finished run is left as it is.

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
        self._console = console or Console(highlight=False, soft_wrap=True)

    def fit(self) -> Result:
        """Trains to the end, evaluates, exports, and writes `result.json`.

        Returns:
            The `Result`, which is an earlier one's if the run had been finished.

        Raises:
            ValueError: If the data cannot be had, a picture cannot be decoded, or
                the loss is not finite.
        """
        finished = self.run.result
        if finished is not None:
            return Result(finished, fresh=False)
        began = time.monotonic()
        self._prepare()
        self.run.claim(self.config, self._source)
        checkpoints = Checkpoints(self.run.path, self._learner)
        start = checkpoints.restore()
        if start:
            self._console.print(f"taken up again after step {start}")
        log = MetricsLog(self.run, start // self._loop.steps_per_epoch)
        with ProgressLine(self._console, start, self._loop.steps) as progress:
            scores = self._loop.run(start, log, progress, checkpoints.save)
        scores = scores or self._loop.evaluate()
        return Result(self._finish(scores, began), fresh=True)

    def dry_run(self) -> None:
        """Prints the configuration, the layers and the steps, and writes nothing.

        Data that have to be drawn or fetched first are, all the same.
        """
        self._prepare()
        self._console.print(self.config.as_flags())
        self._learner.model.summary(print_fn=self._console.print)

    def _prepare(self) -> None:
        config = self.config
        # With the steps that are done, or a run that is taken up again would meet
        # the dropout masks of its first steps once more.
        keras.utils.set_random_seed(config.seed + steps_done(self.run.path))
        if config.deterministic:
            tf.config.experimental.enable_op_determinism()
        strategy = devices.strategy(config.batch_size)
        self._console.print(f"opening the data: {config.data} ...")
        self._source = source = open_source(
            config.data, config.data_dir, config.manual_dir
        )
        classes, statistics = source.class_names, source.statistics
        self._learner = Learner(config, len(classes), statistics, strategy)
        self._loop = Loop(config, source, self._learner, strategy)
        self._console.print(
            f"{config.variant} on {config.data}: {len(classes)} classes, "
            f"{source.sizes[TRAIN]} pictures to train on\n"
            f"{self._loop.steps} steps of {config.batch_size} on "
            f"{strategy.num_replicas_in_sync} device(s)\n"
            f"mean colour and colour components: {statistics.origin}"
        )

    def _finish(self, scores: Scores, began: float) -> dict[str, Any]:
        values = {
            "val_top1": scores.top1,
            "val_top5": scores.top5,
            "val_loss": scores.loss,
            "val_pictures": scores.pictures,
            "steps": self._loop.steps,
            "seconds": round(time.monotonic() - began, 1),  # of this call
            "export": None,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "keras_alexnet": __version__,
        }
        if self.config.export_dir is not None:
            values["export"] = str(self._export(self.config.export_dir))
        self.run.finish(values)
        return values

    def _export(self, path: str) -> Path:
        # A model of its own, from the checkpoint: plain variables on one device.
        model = AlexNet(
            self.config.variant,
            weights=self.run.path,
            input_shape=self._learner.model.input_shape[1:],
            classes=len(self._source.class_names),
        )
        return export_saved_model(
            model,
            path,
            class_names=self._source.class_names,
            preprocessing=self._learner.preprocessing,
        )
