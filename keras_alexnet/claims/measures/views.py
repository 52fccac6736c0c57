"""Ten views of a picture against one (paper, section 4.1)."""

from __future__ import annotations

import numpy as np

from keras_alexnet.claims.experiment import Experiment
from keras_alexnet.claims.measured import Measured
from keras_alexnet.claims.measures.accuracy import Pair, answered, compared, percents
from keras_alexnet.claims.result import Chart
from keras_alexnet.data.sources import VALIDATION

TEN, ONE = "ten views", "centre"


def ten_views(experiment: Experiment) -> Measured:
    """Compares the mean over ten views with the central view, network by network.

    The networks are those of the claim's only arm. The probabilities of corners and
    centre, and of all five mirrored, are averaged.
    """
    (name,) = experiment.claim.arms
    runs = experiment.runs(name)
    tables = {}
    for kind, views in ((TEN, 10), (ONE, 1)):
        answers = [answered(experiment, run, VALIDATION, views) for run in runs]
        tables[kind] = np.stack([given == own for given, own in answers])
    errors = {kind: [100 - v for v in percents(t)] for kind, t in tables.items()}
    return Measured(
        comparisons=(compared(tables, Pair("ten views against one", TEN, ONE, 1.5)),),
        chart=Chart(
            kind="bars",
            title="Top-1 error of each network",
            x=tuple(f"seed {seed}" for seed in experiment.seeds),
            series={kind: list(values) for kind, values in errors.items()},
            x_label="network",
            y_label="validation error, %",
        ),
        results={name: percents(tables[ONE])},
        unit="% right",
    )
