"""What a run has left behind, and how two of them compare."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.training.loop import Loop
from keras_alexnet.weights.run_weights import read_weights
from keras_alexnet.weights.runs import newest_checkpoint

TIMINGS = ("images_per_second", "data_wait")


def quiet() -> Console:
    """A console that keeps what it is told, in `.file`."""
    return Console(file=io.StringIO(), soft_wrap=True)


def rows(run: Path | str) -> list[dict[str, str]]:
    """The lines of metrics.csv."""
    with open(Path(run) / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def confused(run: Path | str) -> list[int]:
    """How many pictures of each of three classes are in confusion.csv."""
    from keras_alexnet.evaluation import Confusion

    text = (Path(run) / "confusion.csv").read_text()
    return Confusion.from_csv(text).matrix(3).sum(axis=1).tolist()


def assert_same(one: Path | str, other: Path | str) -> None:
    """Two runs came to the same weights, to the bit, by the same lines."""
    for first, second in zip(rows(one), rows(other), strict=True):
        for name in TIMINGS:
            del first[name], second[name]
        assert first == second
    values = [read_weights(newest_checkpoint(Path(run))) for run in (one, other)]
    for layer, weights in values[0].items():
        for name, value in weights.items():
            np.testing.assert_array_equal(values[1][layer][name], value)


def trained(config: TrainingConfig) -> str:
    """Trains to the end; returns what was said."""
    console = quiet()
    Trainer(config, console).fit()
    return console.file.getvalue()


class Killed(BaseException):
    """Ends a run where it is raised, past every handler of an `Exception`."""


def killed_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a run die after so many steps, without any handler."""
    step = Loop._step

    def dying(self: Loop, batches: object, number: int) -> None:
        if number > steps:
            raise Killed
        step(self, batches, number)

    monkeypatch.setattr(Loop, "_step", dying)


def dies_after(
    steps: int, monkeypatch: pytest.MonkeyPatch, config: TrainingConfig
) -> str:
    """Trains up to so many steps, and dies there; returns what was said."""
    killed_after(steps, monkeypatch)
    console = quiet()
    with pytest.raises(Killed):
        Trainer(config, console).fit()
    return console.file.getvalue()


def directory(config: TrainingConfig) -> dict[str, bytes]:
    """All files of a run with their content, but for its lock."""
    root = Path(config.model_dir)
    paths = [path for path in root.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in paths
        if path.name != ".lock"
    }
