"""Which arm reaches a training error first, and by how much (the paper's figure 1)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

from keras_alexnet.claims import statistics
from keras_alexnet.claims.experiment import Experiment, Run
from keras_alexnet.claims.measured import Measured
from keras_alexnet.claims.measures.accuracy import Pair, errors_by_epoch
from keras_alexnet.claims.result import Comparison


@dataclasses.dataclass(frozen=True)
class Finish:
    """The end of a run in a race.

    Args:
        epochs: Epochs to the target; where it was not reached, those that were trained.
        reached: Whether it was.
    """

    epochs: float
    reached: bool


def race(
    *pairs: Pair, target: float, most: Mapping[str, float]
) -> Callable[[Experiment], Measured]:
    """Compares in how many epochs arms reach a top-1 on the training pictures.

    A run ends with the epoch that reaches it. The top-1 of an epoch is that of its
    steps, so it is taken to be that of the epoch's middle, and the target is
    interpolated between two of them. The value is the epochs of the second arm over
    those of the first, seed by seed; see `statistics.times`, also for runs that were
    stopped before.

    Args:
        *pairs: The comparisons; the first arm is said to be the faster one.
        target: The top-1, from 0 to 1: 0.75 for a training error of 25 %.
        most: At how many times the epochs of the first arm of all, which runs first
            with the same seed, the others are stopped; for each form.
    """

    def measure(experiment: Experiment) -> Measured:
        runs: dict[str, list[Run]] = {}
        finishes: dict[str, list[Finish]] = {}
        for name in experiment.claim.arms:
            first = next(iter(finishes.values()), None)
            factor = most[experiment.form]
            runs[name] = [
                experiment.run(
                    name, seed, target_top1=target, **_limit(first, seed, factor)
                )
                for seed in experiment.seeds
            ]
            finishes[name] = [
                finish_of(run.curve("top1"), target) for run in runs[name]
            ]
        return Measured(
            comparisons=tuple(_compared(finishes, pair) for pair in pairs),
            chart=dataclasses.replace(
                errors_by_epoch(runs, "top1"), level=100 * (1 - target)
            ),
            results={
                name: [round(each.epochs, 3) for each in ends]
                for name, ends in finishes.items()
            },
            unit=f"epochs to a training error of {100 * (1 - target):g} %",
            facts={
                f"{name}: runs stopped before": sum(not each.reached for each in ends)
                for name, ends in finishes.items()
                if not all(each.reached for each in ends)
            },
        )

    return measure


def _limit(first: list[Finish] | None, seed: int, factor: float) -> dict[str, int]:
    """The epochs of a run after those of the first arm; none for that arm itself."""
    if first is None:
        return {}
    return {"epochs": max(2, math.ceil(factor * first[seed].epochs))}


def finish_of(top1: list[float], target: float) -> Finish:
    """When a curve of top-1, a value for each epoch, reaches a target.

    Example:

    >>> finish_of([0.25, 0.5, 1.0], target=0.75)
    Finish(epochs=2.0, reached=True)
    >>> finish_of([0.25, 0.5], target=0.75)
    Finish(epochs=2.0, reached=False)
    """
    for index, value in enumerate(top1):
        if value >= target:
            before = top1[index - 1] if index else 0.0
            part = (target - before) / (value - before)
            # The first epoch begins at its beginning, with nothing right.
            start = index - 0.5 if index else 0.0
            return Finish(start + part * (index + 0.5 - start), True)
    return Finish(float(len(top1)), False)


def _compared(finishes: Mapping[str, list[Finish]], pair: Pair) -> Comparison:
    first, second = finishes[pair.first], finishes[pair.second]
    return statistics.times(
        pair.question,
        [each.epochs for each in second],
        [each.epochs for each in first],
        first_stopped=[not each.reached for each in second],
        second_stopped=[not each.reached for each in first],
        paper=pair.paper,
    )
