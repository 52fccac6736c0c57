"""The epochs of a run: what is recorded of each, in metrics.csv and events."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.evaluation import Scores, shows_top5
from keras_alexnet.inspection import filter_grid
from keras_alexnet.training.profiling import peak_memory
from keras_alexnet.training.progress import Stopwatch, speed
from keras_alexnet.training.run_directory import RunDirectory
from keras_alexnet.two_towers import packed_names, packed_values
from keras_alexnet.weights import runs
from keras_alexnet.weights.names import named_weights

_HELD_OUT = "val_"


def new_errors() -> tf.Variable:
    """The validation error of each epoch of a run, NaN for future epochs.

    It is infinite for epochs without validation. It is a variable since checkpoints
    contain it: the schedule `plateau` needs it. It takes any length, since a run may be
    given more epochs than its checkpoint has.
    """
    return tf.Variable(tf.zeros([0], tf.float64), trainable=False, shape=[None])


class Epochs:
    """The epochs of a run that are done, and the record of each.

    Args:
        run: The run's directory.
        errors: The variable of `new_errors`, after the checkpoint was read.
        model: The model, whose first kernels are shown.
        epochs: How many epochs the run has.
        channel_order: Of the colours that they read: `"RGB"` or `"BGR"`.

    Attributes:
        errors: The validation errors of the epochs that are done, from 0 to 1;
            infinite without validation.
        repeated: How many epochs were recorded that have to be repeated.

    Raises:
        ValueError: If metrics.csv is damaged.
    """

    def __init__(
        self,
        run: RunDirectory,
        errors: tf.Variable,
        model: keras.Model,
        epochs: int,
        channel_order: str = "RGB",
    ) -> None:
        self._variable = errors
        self._model, self._channel_order = model, channel_order
        self._epochs = epochs
        done = errors.numpy()
        self.errors = [float(each) for each in done if not math.isnan(each)]
        self._record()
        self._log = MetricsLog(run, len(self.errors))
        self.repeated = self._log.dropped

    def _record(self) -> None:
        future = [math.nan] * (self._epochs - len(self.errors))
        self._variable.assign([*self.errors, *future])

    def end(
        self,
        trained: Scores,
        held_out: Scores | None,
        rate: float,
        watch: Stopwatch,
        step: int,
    ) -> str:
        """Records an epoch.

        Args:
            trained: Scores of the training pictures.
            held_out: Scores of the validation pictures; None if there are none.
            rate: Learning rate of the last step.
            watch: Times of the steps.
            step: Number of the last step, from 1.

        Returns:
            A line to show.
        """
        error = math.inf if held_out is None else held_out.top1_error
        self.errors.append(error)
        self._record()
        row = {
            "epoch": len(self.errors),
            "loss": trained.loss,
            "top1": trained.top1,
            "top5": trained.top5,
            "val_loss": held_out and held_out.loss,
            "val_top1": held_out and held_out.top1,
            "val_top5": held_out and held_out.top5,
            "learning_rate": rate,
            "images_per_second": watch.images_per_second,
            "data_wait": watch.data_wait,
        }
        kernels = _first_kernels(self._model)
        filters = filter_grid(kernels, channel_order=self._channel_order)
        memory = peak_memory()
        self._log.write(row, step, {"peak_memory_gib": memory}, filters)
        return _line(row, self._epochs, self._model.output_shape[-1], memory)

    def reached(self, top1: float | None) -> bool:
        """Whether the last epoch that is done had this top-1 on training pictures."""
        return reaches(self._log.row(len(self.errors)), top1)

    def best(self) -> dict[str, Any] | None:
        """The epoch of the lowest validation error, the earliest of several.

        Returns:
            Its number and its values of validation; None before the first epoch.
        """
        epoch = runs.best_epoch(self.errors)
        if epoch is None:
            return None
        row = self._log.row(epoch)
        logged = {name: float(row[name]) for name in ("val_top5", "val_loss") if row}
        return {"epoch": epoch, "val_top1": 1 - self.errors[epoch - 1], **logged}


def _first_kernels(model: keras.Model) -> np.ndarray:
    """The kernels of conv1, of all towers."""
    packed = packed_names(model)
    named = named_weights(model)
    first = {layer: named[layer] for layer in named if packed[layer] == "conv1"}
    return packed_values(model, first)["conv1"]["kernel"]


def _line(row: dict[str, Any], epochs: int, classes: int, memory: float) -> str:
    fields = [f"epoch {row['epoch']}/{epochs}"]
    shown = ["loss", "top1", "val_loss", "val_top1", "val_top5"]
    for name in shown if shows_top5(classes) else shown[:-1]:
        if row[name] is not None:
            title = name.replace("val_", "val ").replace("top", "top-")
            fields.append(f"{title} {row[name]:.3f}")
    fields += speed(row["images_per_second"], row["data_wait"])
    return "  ".join([*fields, f"peak memory {memory:.1f} GiB"])


class MetricsLog:
    """Writes what was measured, once for each epoch.

    The whole file is written each time: so it is complete whenever it is read, and a
    run that is resumed drops the lines of epochs that it repeats.

    Args:
        run: The run's directory.
        epochs: Number of epochs that are done: their lines stay.

    Attributes:
        dropped: How many lines of epochs that have to be repeated there were.

    Raises:
        ValueError: If the file exists and is damaged.
    """

    def __init__(self, run: RunDirectory, epochs: int) -> None:
        self._path = run.metrics_path
        rows = runs.metrics(run.path)
        self._rows = [row for row in rows if int(row["epoch"]) <= epochs]
        self.dropped = len(rows) - len(self._rows)
        # TensorBoard shows a tag of several writers in one chart, as Keras' callback
        # does: https://keras.io/api/callbacks/tensorboard.
        self._training, self._validation = (
            tf.summary.create_file_writer(str(run.events_path / name))
            for name in ("train", "validation")
        )

    def row(self, epoch: int) -> dict[str, Any]:
        """The line of an epoch; empty if metrics.csv does not have it any more."""
        return next((row for row in self._rows if int(row["epoch"]) == epoch), {})

    def write(
        self, row: dict[str, Any], step: int, more: dict[str, float], filters: Any
    ) -> None:
        """Adds an epoch.

        Args:
            row: Its values by the names in `runs.METRICS_COLUMNS`; None for those
                without a value, which are empty in the file.
            step: Number of the step after which they were measured, from 1.
            more: Values for TensorBoard alone, by name.
            filters: The first kernels as a picture, uint8 `[height, width, 3]`.
        """
        self._rows.append({name: _shown(row[name]) for name in runs.METRICS_COLUMNS})
        text = io.StringIO()
        table = csv.DictWriter(text, runs.METRICS_COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(self._rows)
        files.write_text(self._path, text.getvalue())
        with self._training.as_default(step=step):
            tf.summary.image("conv1", filters[None])
        for name, value in {**row, **more}.items():
            if name != "epoch" and value is not None and not math.isnan(value):
                self._scalar(name, value, step)
        self._training.flush()
        self._validation.flush()

    def _scalar(self, name: str, value: float, step: int) -> None:
        """Adds a value to its chart, in which validation has the tag of training."""
        held_out = name.startswith(_HELD_OUT)
        with (self._validation if held_out else self._training).as_default(step=step):
            tf.summary.scalar(name.removeprefix(_HELD_OUT), value)


def reaches(row: dict[str, Any], top1: float | None) -> bool:
    """Whether the epoch of a line of metrics.csv reached `target_top1`.

    Args:
        row: The line, by whose digits a resumed run decides as it did before; empty if
            there is none.
        top1: The setting; None is not reached.

    Example:

    >>> reaches({"epoch": "3", "top1": "0.751"}, 0.75)
    True
    """
    return top1 is not None and bool(row) and float(row["top1"]) >= top1


def _shown(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
