"""Arms compared after the same time of training, not the same number of epochs."""

from __future__ import annotations

import statistics as middle
from collections.abc import Callable

from keras_alexnet.claims.experiment import Experiment
from keras_alexnet.claims.measured import Measured
from keras_alexnet.claims.measures.accuracy import (
    Pair,
    compared,
    errors_by_epoch,
    percents,
    right_tables,
)

_TRIAL_SEED = 2000  # of the runs that measure speed
_TRIAL_EPOCHS = 3


def equal_time(*pairs: Pair) -> Callable[[Experiment], Measured]:
    """Compares arms by their accuracy, each trained as long as the first one.

    A short run of each arm gives its speed; the epochs of the others are those of the
    first, times their speed over its.

    Args:
        *pairs: The comparisons.
    """

    def measure(experiment: Experiment) -> Measured:
        names = list(experiment.claim.arms)
        speeds = {name: _speed(experiment, name) for name in names}
        epochs = {
            name: max(
                1, round(experiment.size.epochs * speeds[name] / speeds[names[0]])
            )
            for name in names
        }
        runs = {
            name: [
                experiment.run(name, seed, epochs=epochs[name])
                for seed in experiment.seeds
            ]
            for name in names
        }
        tables = right_tables(experiment, runs)
        facts = {f"{name}: pictures a second": round(speeds[name], 1) for name in names}
        return Measured(
            comparisons=tuple(compared(tables, pair) for pair in pairs),
            chart=errors_by_epoch(runs, "val_top1"),
            results={name: percents(table) for name, table in tables.items()},
            unit="% right",
            facts={**facts, **{f"{name}: epochs": epochs[name] for name in names}},
        )

    return measure


def _speed(experiment: Experiment, name: str) -> float:
    """Pictures a second, without the first epoch, which traces the step."""
    run = experiment.run(name, _TRIAL_SEED, epochs=_TRIAL_EPOCHS)
    return middle.median(run.curve("images_per_second")[1:])
