"""What came of rerunning a claim, as it is kept in `NAME.json`."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from keras_alexnet import files, json_schema

QUICK, WHOLE = "quick", "whole"


@dataclasses.dataclass(frozen=True)
class Chart:
    """The data of a claim's own chart, beside that of the differences.

    Args:
        kind: `"lines"` (a line for each series over `x`), `"bars"` (one bar for each
            `x`, from a single series, or a group of them), `"strips"` (a point for each
            value of a series, a row for each) or `"heat"` (a row for each series, a
            column for each `x`).
        title: What it shows, in words.
        x: The values or names along the horizontal axis; none for strips.
        series: By name, what is drawn for each `x`; None where there is no value.
            Series called `"NAME #2"` are further seeds of the series `"NAME"`.
        x_label: Meaning of `x`, with its unit.
        y_label: Meaning of the values, with their unit.
        level: A value at which a line is drawn, such as chance; None for none.
        log_x: Whether the horizontal axis is logarithmic.
        log_y: Whether the vertical axis is.
    """

    kind: str
    title: str
    x: tuple[float | str, ...]
    series: dict[str, list[float | None]]
    x_label: str
    y_label: str
    level: float | None = None
    log_x: bool = False
    log_y: bool = False


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One question to two arms, and the answer.

    Args:
        question: What is compared, as `"ReLU against tanh"`.
        unit: `"points"` (of 100 pictures), `"times"`, or another one.
        value: The answer. Above `level` it is as the paper claims.
        low: Lower end of its 95 % interval.
        high: Upper end.
        smallest: How far from `level` an effect must be to be seen in 80 % of cases.
        level: The value of no effect: 0 for points, 1 for times.
        verdict: `"seen"`, `"contradicted"` or `"undecided"`.
        seeds: Number of seeds.
        pictures: Number of pictures; 0 where a seed gives one number.
        paper: The paper's figure in this unit, if it has one.
        bound: `"at least"` or `"at most"`, to say before the value, if runs were
            stopped before they were done; the interval then ends at infinity, or at 0.
    """

    question: str
    unit: str
    value: float
    low: float
    high: float
    smallest: float
    level: float
    verdict: str
    seeds: int
    pictures: int
    paper: float | None = None
    bound: str = ""


@dataclasses.dataclass(frozen=True)
class ArmResult:
    """What came of one arm.

    Args:
        differs: The fields in which it differs from the claim's first arm, and their
            values, as text; empty for that arm itself.
        rate: The learning rate that was chosen; None where nothing was trained.
        sweep: The error on held-out training pictures for each rate that was tried.
        parameters: Number of trained values.
        unit: Of the results.
        results: One for each seed.
        curves: By the name of a column of `metrics.csv` (`"top1"`, `"val_top1"`, …),
            a list for each seed with a value for each epoch.
    """

    differs: dict[str, str]
    rate: float | None
    sweep: dict[str, float]
    parameters: int
    unit: str
    results: list[float]
    curves: dict[str, list[list[float]]]


@dataclasses.dataclass(frozen=True)
class Result:
    """A claim and what came of it.

    Args:
        name: The claim's name, as in `claims NAME`.
        title: A few words.
        section: Of the paper, as `"3.1"`; `""` for what the paper does not say.
        statement: What is claimed, in one sentence.
        paper: The paper's figures, in words.
        source: What the released source's notes add, in words; `""` for nothing.
        others: What others measured, each with its source.
        since: What has come of it since, in a sentence or two.
        setting: Network, data and size of this run, in words.
        caveats: What this size cannot show, in words; `""` for nothing.
        form: `"quick"` or `"whole"`.
        data: The data, as the claims' flags name them.
        comparisons: The first is the claim's own; others stand beside it.
        arms: By their names.
        chart: The claim's own chart.
        facts: Further numbers, by name.
        command: The command that gave it.
        time: Seconds that the steps of all of its runs took; of a claim without runs,
            that it took as a whole.
        machine: Where it ran, in words.
    """

    name: str
    title: str
    section: str
    statement: str
    paper: str
    source: str
    others: tuple[str, ...]
    since: str
    setting: str
    caveats: str
    form: str
    data: str
    comparisons: tuple[Comparison, ...]
    arms: dict[str, ArmResult]
    chart: Chart
    facts: dict[str, float]
    command: str
    time: float
    machine: str

    @property
    def verdict(self) -> str:
        """That of the claim's own comparison."""
        return self.comparisons[0].verdict


def to_json(result: Result) -> str:
    """Returns a result as JSON; numbers that are not finite are null.

    `verdict`, `ours` and `interval` repeat those of the first comparison.
    """
    own = result.comparisons[0]
    content = dataclasses.asdict(result)
    content |= {
        "verdict": own.verdict,
        "ours": own.value,
        "interval": [own.low, own.high],
    }
    return json.dumps(_finite(content), indent=1, ensure_ascii=False) + "\n"


def read(path: Path) -> Result:
    """Reads what `to_json` wrote.

    Raises:
        ValueError: If it is not that.
        OSError: If it cannot be read.
    """
    content = files.read_json(
        path, comparisons=list[dict], arms=dict[str, dict], facts=dict
    )
    names = [each.name for each in dataclasses.fields(Result)]
    values = {name: content[name] for name in names if name in content}
    values["comparisons"] = [_with_ends(each) for each in values["comparisons"]]
    values["arms"] = {k: _with_numbers(arm) for k, arm in values["arms"].items()}
    values["facts"] = _nan_for_null(content["facts"])
    fault = json_schema.fault(values, Result)
    if fault is not None or not values["comparisons"]:
        raise ValueError(
            "the result of a claim must be as claims wrote it; run the claim again. "
            f"Received: {str(path)!r} ({fault or 'without a comparison'})"
        )
    values["others"] = tuple(values["others"])
    values["comparisons"] = tuple(Comparison(**each) for each in values["comparisons"])
    values["arms"] = {k: ArmResult(**v) for k, v in values["arms"].items()}
    values["chart"] = Chart(**{**values["chart"], "x": tuple(values["chart"]["x"])})
    return Result(**values)


def _with_numbers(arm: dict[str, Any]) -> dict[str, Any]:
    """An arm whose results that are null in JSON are NaN."""
    held = {name: arm[name] for name in ("sweep", "results", "curves") if name in arm}
    return {**arm, **_nan_for_null(held)}


def _nan_for_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _nan_for_null(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_nan_for_null(each) for each in value]
    return math.nan if value is None else value


def _with_ends(content: dict[str, Any]) -> dict[str, Any]:
    """A comparison with the numbers that are null in JSON, as they are not finite."""
    absent = {
        "value": math.nan,
        "low": -math.inf,
        "high": math.inf,
        "smallest": math.inf,
    }
    ends = {n: each for n, each in absent.items() if content.get(n, 0) is None}
    return {**content, **ends}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
