"""Where a training run keeps its checkpoints, and how their weights are read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

CHECKPOINTS = "checkpoints"
_ENDING = "/.ATTRIBUTES/VARIABLE_VALUE"


def is_run(path: Path) -> bool:
    """Whether `path` is the directory of a training run."""
    return (path / "config.flags").is_file()


def steps_done(run: Path) -> int:
    """Number of steps of a run's newest checkpoint; 0 if there is none."""
    newest = tf.train.latest_checkpoint(str(run / CHECKPOINTS))
    return 0 if newest is None else int(newest.rpartition("-")[2])


def newest_checkpoint(run: Path) -> str:
    """Returns the path of the newest checkpoint of a run.

    Raises:
        ValueError: If the run has none yet.
    """
    newest = tf.train.latest_checkpoint(str(run / CHECKPOINTS))
    if newest is None:
        raise ValueError(
            "the run must have written a checkpoint; train it first. "
            f"Received: {str(run)!r}, which has none"
        )
    return newest


@contextlib.contextmanager
def readable(checkpoint: str) -> Iterator[None]:
    """Turns what TensorFlow raises over a damaged checkpoint into one clear line."""
    try:
        yield
    except (tf.errors.OpError, IndexError, AssertionError, RuntimeError) as error:
        raise ValueError(
            "the checkpoint must be whole and of this network; remove its files, and "
            "its name from the file 'checkpoint' beside them, to go on from the one "
            f"before. Received: {checkpoint!r} ({' '.join(str(error).split())[:200]})"
        ) from error


def read_weights(run: Path) -> dict[str, dict[str, np.ndarray]]:
    """Reads the model's weights of a run's newest checkpoint, by layer and name."""
    newest = newest_checkpoint(run)
    weights: dict[str, dict[str, np.ndarray]] = {}
    with readable(newest):
        reader = tf.train.load_checkpoint(newest)
        for key in reader.get_variable_to_shape_map():
            if key.startswith("model/") and key.endswith(_ENDING):
                _, layer, name = key[: -len(_ENDING)].split("/")
                weights.setdefault(layer, {})[name] = reader.get_tensor(key)
    return weights
