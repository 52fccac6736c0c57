"""Directories of training runs, a file of each changed by somebody else."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from mutated import mutated_bytes, mutated_json

from keras_alexnet import architectures
from keras_alexnet.architectures import Architecture, Convolution, Pool, ReLU
from keras_alexnet.data.order import NEWEST
from keras_alexnet.recipe import Recipe
from keras_alexnet.training import TrainingConfig
from keras_alexnet.weights import runs

# All that reads a run, and what must hold of what it has read, whatever was changed.
CASE = """
import math
import warnings
from pathlib import Path

import numpy as np

from keras_alexnet import AlexNet
from keras_alexnet.data.division import Division
from keras_alexnet.evaluation.confusion import Confusion
from keras_alexnet.training.run_directory import RunDirectory
from keras_alexnet.training.run_settings import config_of_run
from keras_alexnet.weights import recipe_of, run_weights, runs
from keras_alexnet.weights.opening import open_weights

warnings.simplefilter("ignore")

def wrong_in(run):
    recipe, names = recipe_of(run), runs.class_names(run)
    if len(names) != 3 or not all(isinstance(each, str) for each in names):
        return f"the names {names}"
    if not all(map(math.isfinite, (*recipe.preprocessing.mean, recipe.resize_size))):
        return f"the recipe {recipe}"
    config = config_of_run(run)
    directory = RunDirectory(str(run))
    course = directory.course(config.epochs)
    if not all(each.epochs > 0 and each.last_step > 0 for each in course.before):
        return f"the course {course}"
    directory.check(config, runs.architecture(run))
    if not isinstance(runs.division(run), Division | None):
        return "the division"
    if type(runs.order(run)) is not int:
        return "the order"
    for row in runs.metrics(run):
        [float(each or 0) for each in row.values()]
    result = directory.result
    if result is not None and not isinstance(result["val_top1"], float | int | None):
        return f"the result {result}"
    for pair in Confusion.read(run / runs.CONFUSION, len(names)).pairs:
        if min(pair) < 0 or max(pair[:2]) > 2:
            return f"the pair {pair}"
    return None

def case(arguments):
    path, values_changed = arguments
    run = Path(path)
    found = wrong_in(run)
    if not values_changed:
        opened = open_weights(run)
        return found if opened.classes == 3 else f"{opened.classes} classes"
    model = AlexNet(weights=run)
    kernels = run_weights.first_kernels(run)
    if kernels.shape != (3, 3, 3, 4) or not np.isfinite(kernels).all():
        return f"the first kernels {kernels.dtype} {kernels.shape}"
    for weight in model.get_weights():
        if weight.dtype != np.float32 or not np.isfinite(weight).all():
            return f"weights {weight.dtype} {weight.shape}"
    return found
"""
NAMES = ["bird", "cat", "dog"]
SMALL = Architecture(
    name="small",
    towers=1,
    convolutions=(Convolution(4, 3, 2, stages=(ReLU(), Pool())),),
    dense=(8,),
    dropout=0.5,
    dropout_before=False,
    averaged_size=None,
    input_size=16,
    initialization="paper",
)
_JSON = (runs.DATA, runs.RECIPE, runs.RESULT, runs.COURSE, runs.ARCHITECTURE)
_TEXTS = (runs.SETTINGS, runs.METRICS, runs.CONFUSION)


# Of its weights, by their names in a checkpoint: 36 values come to fc6.
SHAPES = {
    "conv1/kernel": (3, 3, 3, 4),
    "conv1/bias": (4,),
    "fc6/kernel": (36, 8),
    "fc6/bias": (8,),
    "fc8/kernel": (8, 3),
    "fc8/bias": (3,),
}


def state_of(rng: np.random.Generator) -> dict[str, Any]:
    """The values of a checkpoint, by their names."""
    held: dict[str, Any] = {
        f"model/{name}": rng.normal(size=shape).astype("float32")
        for name, shape in SHAPES.items()
    }
    held |= {"errors": np.array([0.5, 0.25], "float32"), "step": np.int64(4)}
    return {**held, "totals": np.zeros(4, "float32"), "left_out": np.int64(0)}


def write_checkpoint(run: Path, state: dict[str, Any]) -> None:
    """Writes values by names with slashes as `tf.train.Checkpoint` does."""
    tree: dict[str, Any] = {}
    for name, value in state.items():
        *groups, last = name.split("/")
        place = tree
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = tf.Variable(value, trainable=False)
    directory = run / runs.CHECKPOINTS
    directory.mkdir(exist_ok=True)
    tf.train.Checkpoint(**tree).write(str(directory / "weights-4"))


def write_run(run: Path) -> dict[str, Any]:
    """Writes a run as `train` leaves it; returns the values of its checkpoint."""
    run.mkdir(parents=True)
    config = TrainingConfig(
        data="folder:photos",
        variant="paper",
        image_size=16,
        epochs=2,
        steps_per_epoch=2,
        batch_size=4,
    )
    (run / runs.SETTINGS).write_text(config.as_flags())
    data = {
        "spec": "folder:photos",
        "sizes": {"train": 8, "validation": 4},
        "class_names": NAMES,
        "statistics": {
            "mean": [120.5, 110.0, 100.0],
            "stddevs": [120.0, 37.0, 19.0],
            "vectors": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            "origin": "its own",
        },
        "division": {"val_share": 0.25, "seed": 0},
        "order": NEWEST,
        "fingerprint": "abc",
    }
    recipe = Recipe.of_colours(SMALL.preprocessing, 16).as_dict()
    result = {
        "epochs": 2,
        "steps": 4,
        "val_pictures": 4,
        "val_top1": 0.5,
        "val_top5": 0.25,
        "val_loss": 1.0,
        "versions": {"keras": "3"},
    }
    course = {"before": [{"epochs": 1, "last_step": 2}]}
    for name, held in zip(_JSON, (data, recipe, result, course), strict=False):
        (run / name).write_text(json.dumps(held, indent=2))
    (run / runs.ARCHITECTURE).write_text(architectures.to_json(SMALL))
    row = ["1", "1.5", *["0.5"] * (len(runs.METRICS_COLUMNS) - 2)]
    lines = [",".join(runs.METRICS_COLUMNS), ",".join(row), ",".join(["2", *row[1:]])]
    (run / runs.METRICS).write_text("\n".join(lines) + "\n")
    pairs = "label,predicted,pictures,class,predicted_class\n0,1,2,bird,cat\n"
    (run / runs.CONFUSION).write_text(pairs)
    state = state_of(np.random.default_rng(0))
    write_checkpoint(run, state)
    return state


def _dropped(state: dict[str, Any], name: str, rng: random.Random) -> None:
    del state[name]


def _emptied(state: dict[str, Any], name: str, rng: random.Random) -> None:
    state[name] = np.zeros((0, *np.shape(state[name])[1:]), "float32")


def _other_kind(state: dict[str, Any], name: str, rng: random.Random) -> None:
    kind = rng.choice(["int32", "bool", "complex64", "float64", "float16"])
    state[name] = np.asarray(state[name]).astype(kind)


def _as_text(state: dict[str, Any], name: str, rng: random.Random) -> None:
    state[name] = np.full(np.shape(state[name]), "text")


def _not_finite(state: dict[str, Any], name: str, rng: random.Random) -> None:
    state[name] = np.full(np.shape(state[name]), rng.choice([np.nan, np.inf]), "f4")


def _other_shape(state: dict[str, Any], name: str, rng: random.Random) -> None:
    state[name] = np.zeros(rng.choice([(), (1,), (3, 1, 2), (7,) * 5]), "float32")


def _deeper(state: dict[str, Any], name: str, rng: random.Random) -> None:
    state[f"{name}/inner"] = state.pop(name)


def _more(state: dict[str, Any], name: str, rng: random.Random) -> None:
    state[rng.choice(["model/conv9/kernel", "model/bias", "average/fc8/kernel"])] = 1.0


_CHANGES: tuple[Callable[[dict[str, Any], str, random.Random], None], ...] = (
    _dropped,
    _emptied,
    _other_kind,
    _as_text,
    _not_finite,
    _other_shape,
    _deeper,
    _more,
)


def _replace(path: Path, rng: random.Random) -> None:
    """Puts something that is no file in the place of one, or nothing."""
    path.unlink()
    how = rng.choice(["pipe", "folder", "nothing", "loop", "zeros", "elsewhere"])
    if how == "pipe":
        os.mkfifo(path)
    elif how == "folder":
        path.mkdir()
    elif how != "nothing":
        targets = {"loop": path, "zeros": "/dev/zero", "elsewhere": "/etc/hostname"}
        path.symlink_to(targets[how])


def cases(folder: Path, rng: random.Random, count: int) -> list[Any]:
    """Runs of which one file was changed; the first is as it was written."""
    honest, arguments = folder / "honest", []
    state = write_run(honest)
    for index in range(count):
        run = folder / f"{index}"
        shutil.copytree(honest, run)
        kind = rng.choice(["json"] * 5 + ["text", "bytes", "replaced"] + ["values"] * 2)
        if index == 0:
            pass
        elif kind == "json":
            path = run / rng.choice(_JSON)
            _, changed = mutated_json(json.loads(path.read_text()), rng)
            path.write_text(json.dumps(changed))
        elif kind == "replaced":
            _replace(run / rng.choice(_JSON + _TEXTS), rng)
        elif kind == "values":
            changed = dict(state)
            rng.choice(_CHANGES)(changed, rng.choice(sorted(changed)), rng)
            write_checkpoint(run, changed)
        else:
            path = run / rng.choice(_TEXTS if kind == "text" else _JSON + _TEXTS)
            path.write_bytes(mutated_bytes(path.read_bytes(), rng))
        arguments.append([str(run), kind == "values"])
    return arguments
