"""`metrics.csv` and TensorBoard's events: one line, one point, an epoch."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.training.run_directory import RunDirectory

COLUMNS = (
    "epoch",
    "loss",
    "top1",
    "top5",
    "val_loss",
    "val_top1",
    "val_top5",
    "learning_rate",
    "images_per_second",
    "data_wait",
)


class MetricsLog:
    """Writes what was measured, once for each epoch.

    The file is written anew each time, so that it is whole whenever it is read,
    and a run that is resumed drops the lines of epochs that it repeats.

    Args:
        run: Where to write.
        epochs: Number of epochs that are done: earlier lines stay.

    Raises:
        ValueError: If the file that is there is damaged.
    """

    def __init__(self, run: RunDirectory, epochs: int) -> None:
        self._path = run.metrics_path
        rows = _read(self._path) if self._path.is_file() else []
        self._rows = [row for row in rows if int(row["epoch"]) <= epochs]
        self._writer = tf.summary.create_file_writer(str(run.events_path))

    def write(
        self, row: dict[str, Any], step: int, more: dict[str, float], filters: Any
    ) -> None:
        """Adds an epoch.

        Args:
            row: Its values by the names in `COLUMNS`.
            step: After which step they were measured.
            more: Values for TensorBoard alone, by name.
            filters: The first kernels as a picture, uint8 `[height, width, 3]`.
        """
        self._rows.append({name: _shown(row[name]) for name in COLUMNS})
        text = io.StringIO()
        table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(self._rows)
        files.write_text(self._path, text.getvalue())
        with self._writer.as_default(step=step):
            for name, value in {**row, **more}.items():
                if name != "epoch":
                    tf.summary.scalar(name, value)
            tf.summary.image("conv1", filters[None])
        self._writer.flush()


def _read(path: Path) -> list[dict[str, Any]]:
    """The lines of the file; ValueError if it is not as it was written."""
    text = files.read_text(path)
    try:
        rows = list(csv.DictReader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise _damaged(path, str(error)) from error
    for number, row in enumerate(rows, start=2):
        whole = set(row) == set(COLUMNS) and None not in row.values()
        if not whole or not row["epoch"].isdecimal():
            raise _damaged(path, f"line {number} has not the columns {COLUMNS}")
    return rows


def _damaged(path: Path, why: str) -> ValueError:
    return ValueError(
        "metrics.csv must be as train wrote it; restore the file, or move it away, "
        f"and it begins anew. Received: {str(path)!r} ({why})"
    )


def _shown(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
