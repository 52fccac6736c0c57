"""How soon arms learn: the mean over the first epochs (paper, section 5)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from keras_alexnet.claims import statistics
from keras_alexnet.claims.experiment import Experiment
from keras_alexnet.claims.measured import Measured
from keras_alexnet.claims.measures.accuracy import Pair, errors_by_epoch


def early(*pairs: Pair) -> Callable[[Experiment], Measured]:
    """Compares the mean top-1 on the training pictures over runs of a few epochs.

    A run that diverged has a top-1 of 0 in the epochs that it lacks.

    Args:
        *pairs: The comparisons; the first is the claim's own.
    """

    def measure(experiment: Experiment) -> Measured:
        count = experiment.size.epochs
        runs = {name: experiment.runs(name) for name in experiment.claim.arms}
        means = {
            name: [100 * sum(run.curve("top1")) / count for run in each]
            for name, each in runs.items()
        }
        return Measured(
            comparisons=tuple(
                statistics.numbers(
                    pair.question,
                    "points",
                    np.subtract(means[pair.first], means[pair.second]).tolist(),
                    paper=pair.paper,
                )
                for pair in pairs
            ),
            chart=errors_by_epoch(runs, "top1"),
            results={name: [round(v, 3) for v in each] for name, each in means.items()},
            unit=f"% right over the first {count} epochs",
        )

    return measure
