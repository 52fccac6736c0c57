"""How soon arms learn: the mean over the first epochs (paper, section 5)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from keras_alexnet.claims import statistics
from keras_alexnet.claims.experiment import Experiment
from keras_alexnet.claims.measured import Measured
from keras_alexnet.claims.measures.accuracy import Pair, errors_by_epoch


def early(*pairs: Pair, part: float) -> Callable[[Experiment], Measured]:
    """Compares the mean top-1 on the training pictures over the first epochs.

    Args:
        *pairs: The comparisons; the first is the claim's own.
        part: Over which part of the epochs, above 0, 1 at most. A run that diverged
            before has a top-1 of 0 in the epochs that it lacks.
    """

    def measure(experiment: Experiment) -> Measured:
        count = max(1, round(part * experiment.size.epochs))
        runs = {name: experiment.runs(name) for name in experiment.claim.arms}
        means = {
            name: [100 * sum(run.curve("top1")[:count]) / count for run in each]
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
