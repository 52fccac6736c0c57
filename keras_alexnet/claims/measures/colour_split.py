"""Whether one tower's first kernels see colour and the other's do not (figure 3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_alexnet.claims import statistics
from keras_alexnet.claims.experiment import Experiment
from keras_alexnet.claims.measured import Measured
from keras_alexnet.claims.result import Chart
from keras_alexnet.inspection.colour import apart_by_chance, colourfulness, sign_free
from keras_alexnet.weights import run_weights


def colour_split(experiment: Experiment) -> Measured:
    """How far apart the towers are in colourfulness, beyond what chance would give.

    For each network, |area − 1/2| of the towers' colourfulness (`colour.split`), less
    its mean over permutations of the kernels: 0 on average where towers do not matter,
    and near 1/2 where one tower has all colours.
    The claim's first arm has two towers. Others are controls, whose kernels are divided
    into halves. A seed with which an arm diverged is left out: it may not even have
    kernels.

    Raises:
        ValueError: If an arm diverged with every seed.
    """
    trained = {name: experiment.runs(name) for name in experiment.claim.arms}
    diverged = {run.seed for each in trained.values() for run in each if run.diverged}
    if diverged >= set(experiment.seeds):
        raise ValueError(
            "a colour split must have a seed with which every arm ends; take a lower "
            f"learning rate. Received: diverged with seeds {sorted(diverged)}"
        )
    excess, facts, found = {}, {}, {}
    for name, each in trained.items():
        whole = [run for run in each if run.seed not in diverged]
        own = [run_weights.first_kernels(run.path) for run in whole]
        values = [colourfulness(kernels) for kernels in own]
        halves: list[np.ndarray] = [
            np.arange(len(each)) * 2 // len(each) for each in values
        ]
        pairs = list(zip(values, halves, strict=True))
        excess[name] = [_beyond_chance(*pair) for pair in pairs]
        apart, p = sign_free(pairs)
        facts[f"{name}: mean |area − 1/2|"] = apart
        facts[f"{name}: p, by permutation"] = p
        found[name] = pairs
    first, *others = excess
    comparisons = [
        statistics.numbers(f"{first} against chance", "of area", excess[first])
    ]
    for other in others:
        beyond = np.subtract(excess[first], excess[other])
        comparisons.append(
            statistics.numbers(f"{first} against {other}", "of area", beyond.tolist())
        )
    return Measured(
        comparisons=tuple(comparisons),
        chart=_strips(sorted({*experiment.seeds} - diverged), found[first]),
        results={name: [round(v, 4) for v in each] for name, each in excess.items()},
        unit="|area − 1/2| beyond chance",
        facts=facts,
    )


def _strips(
    seeds: Sequence[int], found: Sequence[tuple[np.ndarray, np.ndarray]]
) -> Chart:
    """A strip for each tower of each network: its kernels by their colourfulness."""
    series = {
        f"seed {seed}, tower {tower + 1}": np.round(values[towers == tower], 4).tolist()
        for seed, (values, towers) in zip(seeds, found, strict=True)
        for tower in (0, 1)
    }
    return Chart(
        kind="strips",
        title="Colourfulness of the first kernels",
        x=(),
        series=series,
        x_label="",
        y_label="colourfulness: 0 grey, 1 without grey",
    )


def _beyond_chance(values: np.ndarray, towers: np.ndarray) -> float:
    apart, _ = sign_free([(values, towers)], permutations=1)
    return apart - apart_by_chance(values, towers)
