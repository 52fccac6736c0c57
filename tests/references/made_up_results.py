"""Results of claims as they could be: every kind of chart, verdict and interval."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_alexnet.claims.result import ArmResult, Chart, Comparison, Result

HOSTILE = "<script>alert(1)</script> & \"$x$\" 'y' \u202e"
_QUESTION = "Crops, mirroring and colours against the middle of each picture alone"


def comparison(
    question: str,
    value: float,
    half: float,
    unit: str = "points",
    **others: Any,
) -> Comparison:
    """A comparison whose interval is `half` to both sides of the value."""
    level = 1.0 if unit == "times" else 0.0
    low, high = value - half, value + half
    verdict = "undecided"
    if low > level:
        verdict = "seen"
    elif high < level:
        verdict = "contradicted"
    numbers: dict[str, Any] = {
        "low": low,
        "high": high,
        "smallest": 1.43 * half,
        "level": level,
        "verdict": verdict,
        "seeds": 5,
        "pictures": 10000 if unit == "points" else 0,
    }
    return Comparison(question, unit, value, **(numbers | others))


def result(
    name: str, chart: Chart, comparisons: tuple[Comparison, ...], **others: Any
) -> Result:
    """A result with two arms."""
    arms = {
        "with": ArmResult(
            {},
            0.01,
            {"0.003": 0.412, "0.01": 0.351, "0.03": 0.363},
            145_578,
            "% right",
            [71.25, 70.5, 71.75],
            {"top1": [[0.4, 0.6, 0.7]], "val_top1": [[0.4, 0.6, 0.7]]},
        ),
        "without": ArmResult(
            {"activation": "tanh", "start": "Glorot"},
            0.003,
            {"0.003": 0.44, "0.01": 0.46},
            145_578,
            "% right",
            [69.0, 70.0, 68.5],
            {},
        ),
    }
    content: dict[str, Any] = {
        "title": name.replace("_", " ").capitalize(),
        "section": "3.1",
        "statement": "Networks with ReLUs train several times faster than the same "
        "networks with tanh units.",
        "paper": "Six times faster to 25 % training error on CIFAR-10 (figure 1).",
        "source": "layers-19pct.cfg has this network; its rates are not noted.",
        "others": (
            "caffenet-benchmark, 128 px: ReLU 47.1 %, tanh 40.1 %",
            "the same, scaled tanh: 42.3 %",
        ),
        "since": "ReLU is kept for its simplicity; its relatives seldom matter.",
        "setting": "A four-layer network on 10,000 pictures of CIFAR-10, 24 epochs.",
        "caveats": "No network of this size overfits as the paper's did.",
        "form": "whole",
        "data": "tfds:cifar10",
        "facts": {"multiply-adds": 12_345_678, "steps to 25 %": 1234.5},
        "command": f"python scripts/claims.py {name} --seeds=5",
        "time": 3125.0,
        "machine": "2 cores of an x86-64 machine, TensorFlow 2.21",
    }
    return Result(
        **{
            **{"name": name, "arms": arms, "comparisons": comparisons, "chart": chart},
            **content,
            **others,
        }
    )


def _race(rng: np.random.Generator, pace: float, stop: int) -> list[float | None]:
    noise = rng.normal(0, 0.006, 24)
    values = 0.05 + 0.8 * np.exp(-pace * np.arange(1, 25)) + noise
    return [float(v) if at < stop else None for at, v in enumerate(values)]


def relu() -> Result:
    """Lines of several seeds, some of which stop early; the interval in times."""
    rng = np.random.default_rng(0)
    series = {}
    paces = {
        "ReLU": 0.3,
        "tanh, start of the source": 0.09,
        "tanh, Glorot's start": 0.12,
    }
    for name, pace in paces.items():
        for seed in ("", " #2", " #3"):
            stop = 10 if name == "ReLU" else 24
            series[name + seed] = _race(rng, pace * rng.uniform(0.9, 1.1), stop)
    return result(
        "relu",
        Chart(
            *("lines", "Training error by epoch", tuple(range(1, 25)), series),
            *("epoch", "training error", 0.25),
        ),
        (
            comparison("ReLU against tanh", 3.21, 0.7, "times", paper=6.0, seeds=3),
            comparison("ReLU against tanh, Glorot's start", 2.4, 0.5, "times", seeds=3),
            comparison("ReLU against leaky ReLU", 1.02, 0.12, "times", seeds=3),
        ),
        title="ReLU against tanh",
    )


def lrn_cifar10() -> Result:
    """Bars, one comparison alone, in points."""
    return result(
        "lrn_cifar10",
        Chart(
            "bars",
            "Test error of the four-layer network",
            ("without", "local response normalisation", "batch normalisation"),
            {"test error": [27.6, 27.1, 24.8]},
            "",
            "test error, %",
        ),
        (comparison("LRN against none", 0.42, 0.61, paper=2.0),),
        section="3.3",
        title="LRN on CIFAR-10",
        statement="Local response normalisation lowers the test error on CIFAR-10.",
        paper="13 % without, 11 % with it.",
        source="The two public configurations differ in more than LRN.",
    )


def augmentation() -> Result:
    """Eight comparisons, some with long questions; grouped bars, one unknown."""
    effects = [(3.1, 0.8), (0.4, 0.7), (-0.6, 0.5), (1.9, 0.8), (5.2, 1.0), (-0.1, 0.6)]
    rows = [
        comparison(f"{_QUESTION}, form {at}" if at % 3 == 0 else f"Form {at}", *effect)
        for at, effect in enumerate(effects)
    ]
    rows.append(comparison("Time of a step", 0.97, 0.1, "times"))
    rows.append(comparison("Gap of training and validation", -4.1, 1.2, "% of errors"))
    series: dict[str, list[float | None]] = {
        "training": [82.5, 71.0, 65.1, 60.2],
        "validation": [52.1, 55.3, 57.9, None],
    }
    names = (
        "none",
        "mirroring",
        "crops and mirroring",
        "crops, mirroring, colour noise",
    )
    return result(
        "augmentation",
        Chart("bars", "Right answers", names, series, "pictures", "right, %", 10.0),
        tuple(rows),
        section="4.1",
        title="Crops, mirroring and colour noise",
        statement="Without crops and mirroring the network overfits, which would have "
        "forced the paper to much smaller networks; colour noise gives another point.",
        form="quick",
    )


def colour_split() -> Result:
    """Strips; a question that is contradicted, and one seed's infinite interval."""
    series: dict[str, list[float | None]] = {
        "two towers": [0.21, 0.08, 0.31, 0.17, 0.25],
        "two towers without any connection": [0.33, 0.41, 0.29, 0.38, None],
        "halves of one tower": [0.04, 0.02, 0.07, 0.05, 0.03],
    }
    return result(
        "colour_split",
        Chart("strips", "Split, seed by seed", (), series, "", "|area − 1/2|", 0.0),
        (
            comparison("Towers against halves", -0.156, 0.09, "of the area"),
            comparison(
                "Without any connection, in one seed",
                *(0.33, math.inf, "of the area"),
                verdict="undecided",
                seeds=1,
            ),
        ),
        section="6.1",
        title="Colours in one tower",
        statement="One tower becomes colour-agnostic, the other colour-specific.",
        source="",
    )


def starting_values() -> Result:
    """A heat map with a cell that is not known; a value that is not either."""
    series: dict[str, list[float | None]] = {
        "bias 0": [2.3, 1.9, 1.31, 1.4],
        "bias 0.1": [2.3, 1.72, 1.28, 1.5],
        "bias 1": [2.29, 1.6, 1.25, None],
    }
    return result(
        "starting_values",
        Chart(
            *("heat", "Loss after five epochs", (0.001, 0.003, 0.01, 0.03), series),
            *("standard deviation of the weights", "loss"),
        ),
        (
            comparison("Biases of 1 against 0", math.nan, math.nan, "times", level=1.0),
            comparison("Biases of 1 against 0.1", 1.2, 0.15, "times"),
        ),
        section="5",
        title="Starting values",
        statement="Biases of 1 accelerate the early stages of learning.",
        caveats="",
    )


def dropout_masks() -> Result:
    """Lines over and along logarithmic axes; no interval that is finite."""
    counts = (1, 2, 4, 8, 16, 32, 64, 128, 256)
    values: list[float | None] = [0.41 / n for n in counts]
    return result(
        "dropout_masks",
        Chart(
            *("lines", "Distance of halving from the mean of masks", counts),
            {"trained": values, "untrained": [v and v / 90 for v in values]},
            *("number of masks", "divergence, nats"),
            log_x=True,
            log_y=True,
        ),
        (
            comparison(
                "Halving against one mask",
                *(0.0123, math.inf, "nats"),
                verdict="undecided",
                seeds=1,
            ),
        ),
        section="4.2",
        title="Halving and the mean of masks",
        statement="Halving approximates the geometric mean of the masks' predictions.",
        form="quick",
    )


def modern() -> Result:
    """Names along a line chart; a far paper's figure; no section of the paper."""
    return result(
        "modern",
        Chart(
            *("lines", "Right answers by stage", ("start", "middle", "end")),
            {"paper": [10.0, 44.0, 58.5], "modern": [10.0, 52.0, 66.0]},
            *("part of the time", "right, %"),
        ),
        (comparison("modern against paper", 7.5, 1.1, paper=-3.5),),
        section="",
        title="What came later",
        statement="With equal time, later choices answer better.",
    )


def all_results() -> list[Result]:
    """All of them, not in the order of the paper."""
    return [
        *(modern(), dropout_masks(), relu(), lrn_cifar10(), augmentation()),
        *(colour_split(), starting_values()),
    ]
