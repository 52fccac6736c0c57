"""Reads a training run's directory: settings, data, recipe, metrics and weights."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from keras_alexnet import architectures, files
from keras_alexnet.architectures import Architecture
from keras_alexnet.data.division import Division
from keras_alexnet.data.order import NEWEST
from keras_alexnet.json_schema import COUNT, FINITE, THREE, Within
from keras_alexnet.reasons import outside, shown
from keras_alexnet.recipe import Recipe
from keras_alexnet.weights.checkpoint_files import (
    VALUE,
    CheckpointReader,
    Damaged,
    written_checkpoints,
    written_weights,
)

# The names of what is in the directory of a run.
SETTINGS = "config.flags"
DATA = "data.json"
ARCHITECTURE = "architecture.json"
RECIPE = "recipe.json"
METRICS = "metrics.csv"
METRICS_COLUMNS = (
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
CONFUSION = "confusion.csv"
RESULT = "result.json"
COURSE = "course.json"
EXAMPLE = "example.jpg"
NONFINITE = "nonfinite_batch.txt"
CHECKPOINTS = "checkpoints"
EVENTS = "events"
CURVES = "curves.png"
CONFUSION_PICTURE = "confusion.png"
FILTERS = "filters.png"
PICTURES = (CURVES, CONFUSION_PICTURE, FILTERS)
REPORT = "report"  # a directory
LOCK = ".lock"
# A member of data.json: how the pictures were divided, or null.
DIVISION = "division"
# A member of data.json: version of the order of the training examples.
ORDER = "order"
# A member of data.json: which pictures they are; earlier versions did not write it.
FINGERPRINT = "fingerprint"
_WHOLE = re.compile("[1-9][0-9]{0,8}")  # pixels of a side, or an epoch
_ERRORS = f"errors{VALUE}"
_TOTALS = f"totals{VALUE}"
# RUN/best and RUN/last are not files: they name one of the checkpoints.
BEST = "best"
LAST = "last"


@dataclasses.dataclass(frozen=True)
class _Sizes:
    train: COUNT
    validation: COUNT = 0


@dataclasses.dataclass(frozen=True)
class _Statistics:
    mean: THREE
    stddevs: list[FINITE] | None = None
    vectors: list[list[FINITE]] | None = None
    origin: str = ""


_SCORE = Annotated[float, Within(0, 1)] | None
_DATA: dict[str, Any] = {
    "class_names": list[str],
    "sizes": _Sizes,
    "statistics": _Statistics,
    FINGERPRINT: str | None,
    DIVISION: Division | None,
}


def is_run(path: Path) -> bool:
    """Whether `path` is the directory of a training run."""
    return (path / SETTINGS).is_file()


def run_of(path: Path) -> Path | None:
    """The run, if `path` is one, `RUN/best`, `RUN/last` or one of its checkpoints."""
    if is_run(path):
        return path
    if path.name in (BEST, LAST) and is_run(path.parent) and not path.exists():
        return path.parent
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
    if not found.get("variant") or not _WHOLE.fullmatch(found.get("image_size", "")):
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
    return files.read_json(run / DATA, **_DATA)


def division(run: Path) -> Division | None:
    """How the pictures of a run were divided, if none had been kept apart.

    Raises:
        ValueError: If the file is damaged.
    """
    found = data(run)[DIVISION]
    try:
        return None if found is None else Division(**found)
    except ValueError as error:
        raise ValueError(
            "data.json of a run must be as train wrote it; restore the file. "
            f"Received: {str(run / DATA)!r}, with the division {shown(found)}"
        ) from error


def order(run: Path) -> int:
    """The version of the order in which a run reads its training examples.

    Raises:
        ValueError: If there is none of that version, or the file is damaged.
    """
    # Runs that began before there was a second have none.
    found = data(run).get(ORDER, 1)
    if type(found) is not int or not 1 <= found <= NEWEST:
        raise ValueError(
            "the order of a run's pictures must be one of this version of "
            f"keras-alexnet, 1 to {NEWEST}; upgrade it, or restore the file. Received: "
            f"{str(run / DATA)!r}, with the order {shown(found)}"
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
        return Recipe.read(run / RECIPE)
    # Earlier versions wrote no recipe; it follows from their other files.
    own = architecture(run).preprocessing
    colours = dataclasses.replace(own, mean=data(run)["statistics"]["mean"])
    return Recipe.of_colours(colours, int(settings(run)["image_size"]))


def metrics(run: Path) -> list[dict[str, str]]:
    """The lines of a run's `metrics.csv`, by its columns; none if there is no file.

    Raises:
        ValueError: If it is damaged.
    """
    path = run / METRICS
    if not path.is_file():
        return []
    text = files.read_text(path)
    try:
        rows = list(csv.DictReader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise _damaged_metrics(path, outside(error)) from error
    for number, row in enumerate(rows, start=2):
        whole = set(row) == set(METRICS_COLUMNS) and None not in row.values()
        if not whole or not _WHOLE.fullmatch(row["epoch"]):
            why = f"line {number} has not the columns {METRICS_COLUMNS}"
            raise _damaged_metrics(path, why)
        if not all(map(_is_number, row.values())):
            raise _damaged_metrics(path, f"line {number} has a value that is no number")
    return rows


def _is_number(text: str) -> bool:
    """Whether a value is a number, or empty where nothing was validated."""
    try:
        float(text or 0)
    except ValueError:
        return False
    return True


def _damaged_metrics(path: Path, why: str) -> ValueError:
    return ValueError(
        "metrics.csv must be as train wrote it; restore the file, or move it away, "
        f"to begin another. Received: {str(path)!r} ({why})"
    )


def parse(flags: str) -> dict[str, str]:
    """The settings of a flagfile, as text by their names."""
    pairs = (line[2:].partition("=") for line in flags.splitlines() if line)
    return {name: value for name, _, value in pairs}


def checkpoint_of(path: Path) -> str:
    """The checkpoint that a path of `run_of` names; for a run the newest.

    Raises:
        ValueError: If the run has none, or has not kept the one that is named.
        OSError: If the directory of the checkpoints cannot be listed.
    """
    if is_run(path):
        return newest_checkpoint(path)
    run = run_of(path)
    if run != path.parent:
        return str(path)
    if path.name == LAST:
        newest = newest_checkpoint(run)
        if _is_last(newest, run):
            return newest
    best = best_checkpoint(run) if path.name == BEST else None
    if best is None:
        raise ValueError(
            f"the run must have kept the {path.name} epoch, as --keep=both does; name "
            f"{str(run)!r} for what it has. Received: {str(path)!r}"
        )
    return str(best)


def newest_checkpoint(run: Path) -> str:
    """Returns the path of the newest checkpoint of a run.

    Raises:
        ValueError: If the run has none yet.
        OSError: If the directory of the checkpoints cannot be listed.
    """
    directory = run / CHECKPOINTS
    # What a run resumes from is newer than the weights of its best epoch.
    written = [*written_weights(directory), *written_checkpoints(directory)]
    if not written:
        raise ValueError(
            "the run must have written a checkpoint; train it first. "
            f"Received: {str(run)!r}, which has none"
        )
    return str(written[-1])


def best_checkpoint(run: Path) -> Path | None:
    """The weights of a run's best epoch, if it has kept them."""
    for path in reversed(written_weights(run / CHECKPOINTS)):
        if ends_best_epoch(str(path)):
            return path
    return None


def ends_best_epoch(checkpoint: str) -> bool:
    """Whether a checkpoint of weights alone is whole, and of the best epoch so far."""
    try:
        known = errors(checkpoint)
    except Damaged:  # The others can still be opened.
        return False
    return bool(known) and best_epoch(known) == len(known)


def errors(checkpoint: str) -> list[float]:
    """The validation error of each epoch that was done when a checkpoint was written.

    Raises:
        ValueError: If it cannot be read or is damaged.
    """
    values = _numbers(CheckpointReader(Path(checkpoint)), checkpoint, _ERRORS)
    return [float(each) for each in values if not math.isnan(each)]


def _numbers(reader: CheckpointReader, checkpoint: str, key: str) -> np.ndarray:
    """A list of one number or more that a checkpoint holds.

    Raises:
        Damaged: If it holds something else.
    """
    if key in reader.shapes:
        found = reader.read(key)
        if found.ndim == 1 and found.size and found.dtype.kind in "fi":
            return found
    raise Damaged(Path(checkpoint), f"no numbers {key.removesuffix(VALUE)!r}")


def best_epoch(errors: Sequence[float]) -> int | None:
    """The epoch of the lowest error, counted from 1; the earliest of several.

    None where no epoch was validated: their errors are infinite.

    Example:

    >>> best_epoch([0.5, 0.4, 0.4])
    2
    """
    lowest = min(errors, default=math.inf)
    return 1 + errors.index(lowest) if lowest < math.inf else None


def taken(path: Path) -> str:
    """Which weights of a run a path names, in words for people.

    Args:
        path: As `run_of` takes it.

    Raises:
        ValueError: As `checkpoint_of` raises it.

    Example:

    >>> taken(Path("runs/flowers"))  # doctest: +SKIP
    'epoch 14, the last; runs/flowers/best is epoch 12'
    """
    run, checkpoint = run_of(path), checkpoint_of(path)
    assert run is not None
    reader = CheckpointReader(Path(checkpoint))
    epoch, best = len(errors(checkpoint)), best_checkpoint(run)
    if _numbers(reader, checkpoint, _TOTALS)[-1]:
        return f"epoch {epoch + 1}, not at its end"
    of_best = None if best is None else len(errors(str(best)))
    roles = {"the last": _is_last(checkpoint, run), "the best": of_best == epoch}
    words = " and ".join(role for role, its in roles.items() if its)
    own = f"epoch {epoch}" + (f", {words}" if words else "")
    if of_best in (None, epoch):
        return own
    return f"{own}; {run / BEST} is epoch {of_best}"


def unfinished(path: Path) -> str:
    """How far a run is, in words, if a path names it and it has not ended; else empty.

    Args:
        path: As `run_of` takes it. Who names a checkpoint means that one.

    Raises:
        ValueError: If the run has no checkpoint, or it cannot be read.

    Example:

    >>> unfinished(Path("runs/flowers"))  # doctest: +SKIP
    'not finished, 3 of 14 epochs are done: train --model_dir=runs/flowers resumes it'
    """
    run = run_of(path)
    names_it = is_run(path) or path.name in (BEST, LAST)
    if run is None or not names_it or (run / RESULT).is_file():
        return ""
    done, epochs = len(errors(newest_checkpoint(run))), settings(run).get("epochs")
    return (
        f"not finished, {done} of {epochs} epochs are done: "
        f"train --model_dir={run} resumes it"
    )


def _is_last(checkpoint: str, run: Path) -> bool:
    """Whether a checkpoint is the last of all that the run has written."""
    if checkpoint != newest_checkpoint(run):
        return False
    if not (run / RESULT).is_file():
        return True
    # Of a run that has ended the last may have been dropped (--keep=best).
    ended = result(run)["epochs"]
    return ended is None or ended == len(errors(checkpoint))


def result(run: Path) -> dict[str, Any]:
    """What a run that has ended came to: the content of its `result.json`.

    Raises:
        ValueError: If it is damaged.
    """
    counts = {"val_pictures": COUNT, "epochs": COUNT | None, "steps": COUNT | None}
    scores = {"val_top1": _SCORE, "val_top5": _SCORE, "val_loss": float | None}
    found = files.read_json(run / RESULT, **counts, **scores)
    if found["val_pictures"] and any(found[name] is None for name in scores):
        raise ValueError(
            "result.json of a run must be as train wrote it; restore the file. "
            f"Received: {str(run / RESULT)!r}, without scores"
        )
    return found
