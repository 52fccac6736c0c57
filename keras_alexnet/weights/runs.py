"""Reads a training run's directory: settings, data, recipe and weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from keras_alexnet import architectures, files
from keras_alexnet.architectures import Architecture
from keras_alexnet.recipe import Recipe
from keras_alexnet.weights.checkpoint_files import (
    CheckpointReader,
    written_checkpoints,
)
from keras_alexnet.weights.names import Named

# The names of what is in the directory of a run.
SETTINGS = "config.flags"
DATA = "data.json"
ARCHITECTURE = "architecture.json"
RECIPE = "recipe.json"
METRICS = "metrics.csv"
CONFUSION = "confusion.csv"
RESULT = "result.json"
EXAMPLE = "example.jpg"
NONFINITE = "nonfinite_batch.txt"
CHECKPOINTS = "checkpoints"
EVENTS = "events"
CURVES = "curves.png"
CONFUSION_PICTURE = "confusion.png"
FILTERS = "filters.png"
PICTURES = (CURVES, CONFUSION_PICTURE, FILTERS)
LOCK = ".lock"
_MODEL = "model/"
_AVERAGE = "average/"
_ENDING = "/.ATTRIBUTES/VARIABLE_VALUE"


def is_run(path: Path) -> bool:
    """Whether `path` is the directory of a training run."""
    return (path / SETTINGS).is_file()


def run_of(path: Path) -> Path | None:
    """The directory of the run, if `path` is a run or one of its checkpoints."""
    if is_run(path):
        return path
    run = path.parent.parent  # RUN/checkpoints/step-N
    is_checkpoint = path.with_name(f"{path.name}.index").is_file()
    return run if is_checkpoint and is_run(run) else None


def settings(run: Path) -> dict[str, str]:
    """The settings of a run, as text by their names.

    Raises:
        ValueError: If the file is damaged.
    """
    path = run / SETTINGS
    found = parse(files.read_text(path))
    if not found.get("variant") or not found.get("image_size", "").isdecimal():
        raise ValueError(
            "the settings of a run must be as train wrote them; restore the file. "
            f"Received: {str(path)!r}, without a variant or an image_size"
        )
    return found


def data(run: Path) -> dict[str, Any]:
    """A run's record of its data: classes, sizes, mean colour.

    Raises:
        ValueError: If the file is damaged.
    """
    found = files.read_json(run / DATA, class_names=list, sizes=dict, statistics=dict)
    mean = found["statistics"].get("mean")
    if not isinstance(mean, list) or len(mean) != 3:
        raise ValueError(
            "data.json of a run must be as train wrote it; restore the file. "
            f"Received: {str(run / DATA)!r}, with the mean colour {mean!r}"
        )
    return found


def class_names(run: Path) -> tuple[str, ...]:
    """Names of the classes of a run."""
    return tuple(data(run)["class_names"])


def has_own_architecture(run: Path) -> bool:
    """Whether a run trains an architecture that is none of the variants."""
    return (run / ARCHITECTURE).is_file()


def architecture(run: Path) -> Architecture:
    """The architecture that a run trains."""
    if has_own_architecture(run):
        return architectures.read_json(run / ARCHITECTURE)
    return architectures.get(settings(run)["variant"])


def recipe(run: Path) -> Recipe:
    """The recipe of a run: that of its architecture, with the mean of its data."""
    if (run / RECIPE).is_file():
        return Recipe.from_dict(files.read_json(run / RECIPE))
    # Earlier versions wrote no recipe; it follows from their other files.
    own = architecture(run).preprocessing
    colours = dataclasses.replace(own, mean=data(run)["statistics"]["mean"])
    return Recipe.of_colours(colours, int(settings(run)["image_size"]))


def parse(flags: str) -> dict[str, str]:
    """The settings of a flagfile, as text by their names."""
    pairs = (line[2:].partition("=") for line in flags.splitlines() if line)
    return {name: value for name, _, value in pairs}


def newest_checkpoint(run: Path) -> str:
    """Returns the path of the newest checkpoint of a run.

    Raises:
        ValueError: If the run has none yet.
        OSError: If the directory of the checkpoints cannot be listed.
    """
    written = written_checkpoints(run / CHECKPOINTS)
    if not written:
        raise ValueError(
            "the run must have written a checkpoint; train it first. "
            f"Received: {str(run)!r}, which has none"
        )
    return str(written[-1])


def read_weights(checkpoint: str) -> Named:
    """Reads the model's weights of a checkpoint, by layer and name.

    If the run kept averages of the weights, returns those: the run evaluates them.

    Raises:
        ValueError: If it cannot be read or is damaged.
    """
    reader = CheckpointReader(Path(checkpoint))
    weights = _group(reader, _MODEL)
    for layer, averages in _group(reader, _AVERAGE).items():
        weights[layer].update(averages)
    return weights


def first_kernels(run: Path) -> np.ndarray:
    """The kernels of conv1 of a run, `[height, width, 3, count]`, as `read_weights`.

    Raises:
        ValueError: If there is no checkpoint, or it cannot be read.
    """
    reader = CheckpointReader(Path(newest_checkpoint(run)))
    keys = (f"{each}conv1/kernel{_ENDING}" for each in (_AVERAGE, _MODEL))
    return reader.read(next(key for key in keys if key in reader.shapes))


def _group(reader: CheckpointReader, prefix: str) -> Named:
    """The values whose keys begin with `prefix`, by layer and name."""
    values: Named = {}
    for key in reader.shapes:
        if key.startswith(prefix) and key.endswith(_ENDING):
            layer, name = key[len(prefix) : -len(_ENDING)].split("/")
            values.setdefault(layer, {})[name] = reader.read(key)
    return values


def classes(checkpoint: str, run: Path) -> int:
    """Number of classes of the model of a checkpoint.

    Args:
        checkpoint: Its path.
        run: The run that it belongs to.

    Raises:
        ValueError: If the run has more or fewer class names.
    """
    shapes = CheckpointReader(Path(checkpoint)).shapes
    count = shapes[f"{_MODEL}fc8/bias{_ENDING}"][0]
    if (run / DATA).is_file() and len(class_names(run)) != count:
        raise ValueError(
            f"data.json of a run must name each of the network's {count} classes; "
            "restore the file, or train again into another --model_dir. Received: "
            f"{str(run / DATA)!r} with {len(class_names(run))} names"
        )
    return count
