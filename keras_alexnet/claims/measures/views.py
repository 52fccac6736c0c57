"""Ten views of a picture against one (paper, section 4.1)."""

from __future__ import annotations

from keras_alexnet.claims.experiment import Experiment
from keras_alexnet.claims.measured import Measured
from keras_alexnet.claims.measures.accuracy import Pair, compared, percents, right_table
from keras_alexnet.claims.result import Chart

TEN, ONE = "ten views", "centre"


def ten_views(experiment: Experiment) -> Measured:
    """Compares the mean over ten views with the central view, network by network.

    The networks are those of the claim's only arm. The probabilities of corners and
    centre, and of all five mirrored, are averaged.
    """
    (name,) = experiment.claim.arms
    runs = experiment.runs(name)
    tables = {
        TEN: right_table(experiment, runs, views=10),
        ONE: right_table(experiment, runs),
    }
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
