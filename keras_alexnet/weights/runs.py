"""Where a training run keeps its checkpoints, and how their weights are read."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_alexnet import architectures
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.weights.names import Named

CHECKPOINTS = "checkpoints"
# What TensorFlow raises over a checkpoint whose files are damaged.
UNREADABLE = (tf.errors.OpError, IndexError, RuntimeError, ValueError)
_MODEL = "model/"
_AVERAGE = "average/"
_ENDING = "/.ATTRIBUTES/VARIABLE_VALUE"


def is_run(path: Path) -> bool:
    """Whether `path` is the directory of a training run."""
    return (path / "config.flags").is_file()


def run_of(path: Path) -> Path | None:
    """The run that `path` is the directory of, or one of its checkpoints; or None."""
    if is_run(path):
        return path
    run = path.parent.parent  # RUN/checkpoints/step-N
    there = path.with_name(f"{path.name}.index").is_file()
    return run if there and is_run(run) else None


def settings(run: Path) -> dict[str, str]:
    """The settings that a run wrote down, as text by their names."""
    return parse((run / "config.flags").read_text(encoding="utf-8"))


def preprocessing(run: Path) -> Preprocessing:
    """What a run's pictures went through: the variant's, with their own mean."""
    data = json.loads((run / "data.json").read_text(encoding="utf-8"))
    own = architectures.get(settings(run)["variant"]).preprocessing
    return dataclasses.replace(own, mean=data["statistics"]["mean"])


def parse(flags: str) -> dict[str, str]:
    """The settings of a flagfile, as text by their names."""
    pairs = (line[2:].partition("=") for line in flags.splitlines() if line)
    return {name: value for name, _, value in pairs}


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
    except (*UNREADABLE, AssertionError) as error:
        raise ValueError(
            "the checkpoint must be whole and of this network; the same command of "
            "train falls back to the one before where a file is damaged. "
            f"Received: {checkpoint!r} ({' '.join(str(error).split())[:200]})"
        ) from error


def read_weights(checkpoint: str) -> Named:
    """Reads the model's weights of a checkpoint, by layer and name.

    Where the run kept averages of them, these: they are what it evaluated.
    """
    with readable(checkpoint):
        reader = tf.train.load_checkpoint(checkpoint)
        weights = _group(reader, _MODEL)
        for layer, averages in _group(reader, _AVERAGE).items():
            weights[layer].update(averages)
    return weights


def _group(reader: Any, prefix: str) -> Named:
    """The values whose keys begin with `prefix`, by layer and name."""
    values: Named = {}
    for key in reader.get_variable_to_shape_map():
        if key.startswith(prefix) and key.endswith(_ENDING):
            layer, name = key[len(prefix) : -len(_ENDING)].split("/")
            values.setdefault(layer, {})[name] = reader.get_tensor(key)
    return values


def classes(checkpoint: str) -> int:
    """Number of classes that the model of a checkpoint tells apart."""
    with readable(checkpoint):
        shapes = tf.train.load_checkpoint(checkpoint).get_variable_to_shape_map()
    return shapes[f"{_MODEL}fc8/bias{_ENDING}"][0]
