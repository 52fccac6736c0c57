"""The course of a run: loss, error and learning rate by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from keras_alexnet.seeing.figures import new_figure

_FEW = 40  # epochs up to which each has a mark
_LINES = (("training", "tab:blue"), ("validation", "tab:orange"))
_RANGE = 20.0  # highest over lowest rate from which on the axis is logarithmic


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
    _both(loss, epochs, losses, "loss (nats)")
    _both(error, epochs, errors, "top-1 error")
    error.set_ylim(0, 1)
    _mark_lowest(error, epochs, errors[1])
    for axes in (loss, error):
        if axes.lines:
            axes.legend()
    _rate(rate, epochs, _numbers(rows, "learning_rate"))
    if epochs:
        rate.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    return figure


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
        label = f"lowest: {value:.3f} in epoch {epoch:g}"
        axes.plot([epoch], [value], "o", color="black", zorder=3, label=label)


def _rate(axes: Axes, epochs: list[float], rates: list[float]) -> None:
    axes.plot(epochs, rates, color="tab:green", marker=_mark(epochs))
    axes.set_title("learning rate at the end of each epoch", fontsize="medium")
    positive = [each for each in rates if each > 0]
    if positive and max(positive) > _RANGE * min(positive):
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
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
