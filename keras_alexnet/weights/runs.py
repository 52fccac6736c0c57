"""Where a training run keeps its checkpoints, and how their weights are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

CHECKPOINTS = "checkpoints"
_ENDING = "/.ATTRIBUTES/VARIABLE_VALUE"


def is_run(path: Path) -> bool:
    """Whether `path` is the directory of a training run."""
    return (path / "config.flags").is_file()


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


def read_weights(run: Path) -> dict[str, dict[str, np.ndarray]]:
    """Reads the model's weights of a run's newest checkpoint, by layer and name."""
    reader = tf.train.load_checkpoint(newest_checkpoint(run))
    weights: dict[str, dict[str, np.ndarray]] = {}
    for key in reader.get_variable_to_shape_map():
        if key.startswith("model/") and key.endswith(_ENDING):
            _, layer, name = key[: -len(_ENDING)].split("/")
            weights.setdefault(layer, {})[name] = reader.get_tensor(key)
    return weights
