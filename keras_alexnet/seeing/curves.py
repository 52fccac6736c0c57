"""The course of a run: loss, error, learning rate and speed by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from keras_alexnet.seeing import charts
from keras_alexnet.seeing.charts import Chart
from keras_alexnet.seeing.figures import new_figure

_FEW = 40  # epochs up to which each has a mark
_LINES = (("training", "tab:blue"), ("validation", "tab:orange"))
_LOW = 9.0  # highest over one of the lower rates


def draw(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draws training and validation, and the learning rate below.

    Args:
        rows: The lines of `metrics.csv`; values that are not numbers are left out.
    """
    figure = new_figure(1000, 640)
    figure.set_layout_engine("constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=[3, 1])
    loss = figure.add_subplot(grid[0, 0])
    error = figure.add_subplot(grid[0, 1], sharex=loss)
    rate = figure.add_subplot(grid[1, :], sharex=loss)
    epochs = _numbers(rows, "epoch")
    losses = [_numbers(rows, name) for name in ("loss", "val_loss")]
    errors = [
        [1 - value for value in _numbers(rows, name)] for name in ("top1", "val_top1")
    ]
    _both(loss, epochs, losses, "loss, natural logarithm")
    _both(error, epochs, errors, "top-1 error")
    charts.percent_axis(error)
    _mark_lowest(error, epochs, errors[1])
    for axes in (loss, error):
        if axes.lines:
            axes.legend()
    _rate(rate, epochs, _numbers(rows, "learning_rate"))
    if epochs:
        rate.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    return figure


def charts_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Chart]:
    """Loss, error, learning rate and speed of a run, epoch by epoch.

    Args:
        rows: The lines of `metrics.csv`; values that are not numbers are left out.
    """
    columns = {
        "loss": ("loss", [("loss", False), ("val_loss", False)]),
        "error": ("top-1 error", [("top1", True), ("val_top1", True)]),
        "rate": ("learning rate", [("learning_rate", False)]),
        "speed": ("pictures a second", [("images_per_second", False)]),
    }
    epochs = _numbers(rows, "epoch")
    found = {
        name: _course(epochs, rows, title, parts)
        for name, (title, parts) in columns.items()
    }
    return {name: chart for name, chart in found.items() if chart is not None}


def _course(
    epochs: Sequence[float],
    rows: Sequence[Mapping[str, Any]],
    title: str,
    parts: Sequence[tuple[str, bool]],
) -> Chart | None:
    figure, axes = charts.blank()
    words, drawn = [], []
    for (column, reverse), label, colour in zip(
        parts, ("training", "validation"), charts.TOWERS, strict=False
    ):
        values = _numbers(rows, column)
        values = [1 - each if reverse else each for each in values]
        finite = [each for each in values if math.isfinite(each)]
        if not finite:
            continue
        charts.add_line(axes, epochs, values, colour, label, 1.8, few=len(rows) <= _FEW)
        name = f"{label}: " if len(parts) > 1 else ""
        words.append(f"{name}{finite[0]:.4g} at first, {finite[-1]:.4g} at last")
        drawn += finite
    if not drawn:
        return None
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")
    axes.set_ylabel(title)
    if title == "top-1 error":
        charts.percent_axis(axes)
    if title == "learning rate" and _falls_by_steps(drawn):
        _logarithmic(axes)
    elif title != "top-1 error":
        axes.set_ylim(0, 1.08 * max(drawn) or 1)
    if len(parts) > 1:
        charts.add_legend(axes)
    return Chart(figure, f"{title.capitalize()} by epoch. {'; '.join(words)}.")


def _logarithmic(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _falls_by_steps(rates: Sequence[float]) -> bool:
    """Whether a fourth of the rates is so low that only a logarithm shows them."""
    positive = [each for each in rates if each > 0]
    return bool(positive) and max(positive) > _LOW * np.quantile(positive, 0.25)


def _numbers(rows: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    return [_number(row.get(name)) for row in rows]


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _both(
    axes: Axes, epochs: list[float], series: list[list[float]], title: str
) -> None:
    for values, (label, colour) in zip(series, _LINES, strict=True):
        if any(map(math.isfinite, values)):
            axes.plot(epochs, values, marker=_mark(epochs), color=colour, label=label)
    axes.set_title(title)
    _finish(axes)


def _mark_lowest(axes: Axes, epochs: list[float], values: list[float]) -> None:
    """Marks the lowest validation error; the legend has its value."""
    finite = [index for index, value in enumerate(values) if math.isfinite(value)]
    if finite:
        best = min(finite, key=values.__getitem__)
        epoch, value = epochs[best], values[best]
        label = f"lowest: {charts.percent(value, 1)} in epoch {epoch:g}"
        axes.plot([epoch], [value], "o", color="black", zorder=3, label=label)


def _rate(axes: Axes, epochs: list[float], rates: list[float]) -> None:
    axes.plot(epochs, rates, color="tab:green", marker=_mark(epochs))
    axes.set_title("learning rate at the end of each epoch", fontsize="medium")
    if _falls_by_steps(rates):
        _logarithmic(axes)
    else:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("epoch")
    _finish(axes)


def _mark(epochs: list[float]) -> str:
    return "." if len(epochs) <= _FEW else ""


def _finish(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
