"""Arms compared by the pictures that each of their networks classifies rightly."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.claims import statistics
from keras_alexnet.claims.experiment import Experiment, Run, epochs_to
from keras_alexnet.claims.measured import Measured
from keras_alexnet.claims.result import Chart, Comparison
from keras_alexnet.data import Source, open_source
from keras_alexnet.data.sources import TRAIN, VALIDATION
from keras_alexnet.models import AlexNet


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two arms, of which the claim says that the first is better.

    Args:
        question: As `"LRN against none"`.
        first: Name of the arm that is said to be better.
        second: Name of the other.
        paper: The paper's figure, in the unit of the comparison.
    """

    question: str
    first: str
    second: str
    paper: float | None = None


def accuracy(
    *pairs: Pair,
    split: str = VALIDATION,
    slower: Pair | None = None,
) -> Callable[[Experiment], Measured]:
    """Compares arms by the part of the pictures that they classify rightly.

    Every arm is trained with every seed, and each network classifies the central view
    of every picture, with the weights of its last epoch. A comparison is the mean over
    seeds and pictures of the difference, in points of 100 pictures; see
    `statistics.paired`.

    Args:
        *pairs: The comparisons; the first is the claim's own.
        split: `"validation"`, or `"train"` for a claim about the training error.
        slower: Two arms of which the first is said to take longer: compared by when
            the validation top-1 of each first reaches 95 % of the lower of both ends,
            seed by seed.
    """

    def measure(experiment: Experiment) -> Measured:
        runs = {name: experiment.runs(name) for name in experiment.claim.arms}
        tables = right_tables(experiment, runs, split)
        comparisons = [compared(tables, pair) for pair in pairs]
        if slower is not None:
            comparisons.append(_delayed(runs, slower))
        return Measured(
            comparisons=tuple(comparisons),
            chart=errors_by_epoch(runs, _COLUMNS[split]),
            results={name: percents(table) for name, table in tables.items()},
            unit="% right",
        )

    return measure


_NEARLY = 0.95
_COLUMNS = {VALIDATION: "val_top1", TRAIN: "top1"}


def right_tables(
    experiment: Experiment, runs: Mapping[str, list[Run]], split: str = VALIDATION
) -> dict[str, np.ndarray]:
    """Whether each picture was right: for each arm bool `[seeds, pictures]`."""
    return {name: right_table(experiment, each, split) for name, each in runs.items()}


def right_table(
    experiment: Experiment, runs: list[Run], split: str = VALIDATION, views: int = 1
) -> np.ndarray:
    """Whether each picture was right: bool `[runs, pictures]`; as `answered`."""
    answers = [answered(experiment, run, split, views) for run in runs]
    return np.stack([given == own for given, own in answers])


def compared(tables: Mapping[str, np.ndarray], pair: Pair) -> Comparison:
    """The comparison of two arms.

    Args:
        tables: For each arm `[seeds, pictures]`, whether a picture was right.
        pair: Which arms.
    """
    return statistics.points(
        pair.question, tables[pair.first], tables[pair.second], paper=pair.paper
    )


def _delayed(runs: Mapping[str, list[Run]], pair: Pair) -> Comparison:
    taken: tuple[list[float], list[float]] = [], []
    for both in zip(runs[pair.first], runs[pair.second], strict=True):
        curves = [run.curve("val_top1") for run in both]
        level = _NEARLY * min(curve[-1] for curve in curves)
        for epochs, curve in zip(taken, curves, strict=True):
            epochs.append(epochs_to(curve, level))
    return statistics.times(pair.question, *taken, paper=pair.paper)


def percents(table: np.ndarray) -> list[float]:
    """How many of 100 pictures are right, for each seed."""
    return [round(100 * float(value), 3) for value in table.mean(axis=1)]


def errors_by_epoch(runs: Mapping[str, list[Run]], column: str) -> Chart:
    """A line of top-1 errors for each run of each arm.

    Args:
        runs: By the names of the arms.
        column: Of `metrics.csv`, a top-1.
    """
    curves = {
        name if place == 1 else f"{name} #{place}": run.curve(column)
        for name, each in runs.items()
        for place, run in enumerate(each, start=1)
    }
    epochs = max(map(len, curves.values()))
    what = "validation" if column.startswith("val_") else "training"
    return Chart(
        kind="lines",
        title=f"Top-1 error on the {what} pictures",
        x=tuple(range(1, epochs + 1)),
        series={
            name: [100 * (1 - v) for v in curve] + [None] * (epochs - len(curve))
            for name, curve in curves.items()
        },
        x_label="epoch",
        y_label=f"{what} error, %",
    )


def answered(
    experiment: Experiment, run: Run, split: str = VALIDATION, views: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """The class that a network gives each picture, and its own.

    They are kept beside the runs. A run that diverged answers the first class always.

    Args:
        experiment: The experiment.
        run: Of the network.
        split: `"validation"` or `"train"`.
        views: 1, the central one, or 10 whose probabilities are averaged.

    Returns:
        Answers and labels, int16 `[pictures]`.
    """
    assert experiment.pictures is not None
    path = run.path.with_name(f"{run.path.name}.{split}.{views}.npy")
    if not path.is_file():
        source = open_source(experiment.pictures.spec)
        if run.diverged:
            labels = [int(e["label"]) for e in source.ordered(split)]
            both = np.array([np.zeros(len(labels)), labels], np.int16)
        else:
            both = _classified(run.path, source, split, views)
        files.write_bytes(path, _npy(both))
    answers, labels = np.load(path)
    return answers, labels


def _classified(run: Path, source: Source, split: str, views: int) -> np.ndarray:
    model = AlexNet(weights=run)
    recipe = dataclasses.replace(model.recipe, views=views)
    cut = recipe.views_of(source)
    view = cut.centre if views == 1 else cut.ten
    batches = (
        source.ordered(split)
        .map(
            lambda each: (view(each["image"]), each["label"]),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        .batch(128)
        .prefetch(2)
    )

    answers, labels = [], []
    side = recipe.image_size
    for pictures, label in batches:
        every = tf.reshape(pictures, [-1, side, side, 3])
        scores = model(recipe.preprocessing(every), training=False)
        mean = np.reshape(scores, [len(label), views, -1]).mean(axis=1)
        answers.append(mean.argmax(axis=-1))
        labels.append(label.numpy())
    keras.backend.clear_session()
    return np.array([np.concatenate(answers), np.concatenate(labels)], np.int16)


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()
