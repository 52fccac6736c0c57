"""The epochs that are over: their errors, their lines, their pictures."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet.evaluation import Scores
from keras_alexnet.inspection import filter_grid
from keras_alexnet.training.memory import peak_memory
from keras_alexnet.training.metrics_log import MetricsLog
from keras_alexnet.training.run_directory import RunDirectory
from keras_alexnet.training.stopwatch import Stopwatch
from keras_alexnet.two_towers import packed_names, packed_values
from keras_alexnet.weights.names import named_weights


class Epochs:
    """What has become of each epoch of a run.

    Args:
        run: The run's directory.
        total: The most epochs that the run can have.
        model: Whose first kernels are shown.
    """

    def __init__(self, run: RunDirectory, total: int, model: keras.Model) -> None:
        self.directory = run
        self._total = total
        self._model = model
        none = tf.fill([total], tf.constant(math.nan, tf.float64))
        # Kept with the checkpoints: the paper's schedule goes by it.
        self.variable = tf.Variable(none, trainable=False)
        # Share of validation pictures that were got wrong, after each epoch.
        self.errors: list[float] = []

    def open(self) -> None:
        """Takes up what the variable holds, and the lines that belong to it."""
        kept = self.variable.numpy()
        self.errors = [float(each) for each in kept if not math.isnan(each)]
        self._log = MetricsLog(self.directory, len(self.errors))

    def end(
        self,
        trained: Scores,
        held_out: Scores,
        rate: float,
        watch: Stopwatch,
        step: int,
    ) -> str:
        """Writes an epoch down; returns the line that tells of it."""
        self.variable[len(self.errors)].assign(held_out.top1_error)
        self.errors.append(held_out.top1_error)
        row = {
            "epoch": len(self.errors),
            "loss": trained.loss,
            "top1": trained.top1,
            "top5": trained.top5,
            "val_loss": held_out.loss,
            "val_top1": held_out.top1,
            "val_top5": held_out.top5,
            "learning_rate": rate,
            "images_per_second": watch.images_per_second,
            "data_wait": watch.data_wait,
        }
        kernels = _first_kernels(self._model)
        memory = peak_memory()
        self._log.write(row, step, {"peak_memory_gib": memory}, filter_grid(kernels))
        return _line(row, self._total, memory)


def _first_kernels(model: keras.Model) -> np.ndarray:
    """Those of conv1, of all towers."""
    packed = packed_names(model)
    named = named_weights(model)
    first = {layer: named[layer] for layer in named if packed[layer] == "conv1"}
    return packed_values(model, first)["conv1"]["kernel"]


def _line(row: dict[str, Any], epochs: int, memory: float) -> str:
    return (
        f"epoch {row['epoch']}/{epochs}  loss {row['loss']:.3f}  "
        f"top-1 {row['top1']:.3f}  val loss {row['val_loss']:.3f}  "
        f"val top-1 {row['val_top1']:.3f}  val top-5 {row['val_top5']:.3f}  "
        f"{row['images_per_second']:.0f} images/s  data wait {row['data_wait']:.1%}  "
        f"peak memory {memory:.1f} GiB"
    )
