"""Which arm reaches a training error first, and by how much (the paper's figure 1)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

from keras_alexnet.claims import statistics
from keras_alexnet.claims.experiment import Experiment, Finish, Run
from keras_alexnet.claims.measured import Measured
from keras_alexnet.claims.measures.accuracy import Pair, errors_by_epoch
from keras_alexnet.claims.result import Comparison


def race(*pairs: Pair, most: Mapping[str, float]) -> Callable[[Experiment], Measured]:
    """Compares in how many epochs arms reach the claim's top-1 (`race_to`) on the
    training pictures.

    A run ends with the epoch that reaches it. The top-1 of an epoch is that of its
    steps, so it is taken to be that of the epoch's middle, and the target is
    interpolated between two of them. The value is the epochs of the second arm over
    those of the first, seed by seed; see `statistics.times`, also for runs that were
    stopped before.

    Args:
        *pairs: The comparisons; the first arm is said to be the faster one.
        most: At how many times the epochs of the first arm of all, which runs first
            with the same seed, the others are stopped; for each form.
    """

    def measure(experiment: Experiment) -> Measured:
        target = experiment.claim.race_to
        assert target is not None
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
            finishes[name] = [run.finish(target) for run in runs[name]]
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
