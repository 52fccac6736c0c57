"""Charts of what was found: small, so that a page sets them beside each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from keras_alexnet.inspection.findings import (
    Findings,
    KernelColours,
    LayerActivity,
    Reliability,
)
from keras_alexnet.reasons import shortened
from keras_alexnet.seeing.figures import new_figure

# Each has a contrast of 3 on white and on black; pages have their own in their place.
INK, FAINT, FIRST, SECOND = "#333333", "#999999", "#2f7ac0", "#c8660a"
TOWERS = (FIRST, SECOND)
_WIDTH, _HEIGHT = 400, 270
_SIZE = 9.5  # of text
_LEAST = -0.5  # what is lower is drawn there
_LEVEL = 0.05
_MEANINGS = {
    "colourfulness": ("colourfulness c", "0 grey, 1 without grey"),
    "selectivity": ("colour selectivity", "0 same in grey, 1 none in grey"),
}


class Chart(NamedTuple):
    """A chart, and what it shows in words.

    Args:
        figure: The chart.
        text: What is to be seen, with the numbers, for those who do not see it.
        points: The name of each point of the lines with this gid, in their order.
    """

    figure: Figure
    text: str
    points: Mapping[str, Sequence[str]] = {}


def colours(found: KernelColours, value: str) -> Chart:
    """How colourful each kernel is, tower by tower: a point for each, and the median.

    Args:
        found: The colours of a layer.
        value: `"colourfulness"` or `"selectivity"`.
    """
    figure, axes = blank()
    values = np.asarray(getattr(found, value), float)
    rng = np.random.default_rng(0)  # where a point is within its row says nothing
    count, points, words = len(values) // found.towers, {}, []
    for tower in range(found.towers):
        units = range(tower * count, (tower + 1) * count)
        known = [unit for unit in units if math.isfinite(values[unit])]
        if not known:
            continue
        own = values[known]  # selectivity has no lowest value
        line = axes.plot(
            np.maximum(own, _LEAST),
            tower + rng.uniform(-0.3, 0.3, len(known)),
            "o",
            markersize=3.6,
            alpha=0.75,
            color=TOWERS[tower % 2],
            markeredgewidth=0,
        )[0]
        line.set_gid(f"points-{tower}")
        points[f"points-{tower}"] = [f"{found.layer}:{unit}" for unit in known]
        median = float(np.median(own))
        axes.plot([median] * 2, [tower - 0.4, tower + 0.4], color=INK, linewidth=2)
        name = f"tower {tower + 1}" if found.towers > 1 else "all kernels"
        lowest, highest = decimals(own.min()), decimals(own.max())
        words.append(f"{name}: median {decimals(median)}, {lowest} to {highest}")
    axes.set_yticks(range(found.towers), _tower_names(found.towers))
    axes.set_ylim(found.towers - 0.5, -0.5)
    least = max(float(np.nanmin(values, initial=0)), _LEAST)
    axes.set_xlim(least - 0.03, 1.02)
    label, ends = _MEANINGS[value]
    axes.set_xlabel(f"{label}: {ends}")
    if are_cut(values):
        axes.set_xticks([_LEAST, 0, 0.5, 1], [f"≤ −{-_LEAST:g}", "0", "0.5", "1"])
        axes.axvline(_LEAST, color=FAINT, linewidth=1, linestyle=(0, (2, 3)), zorder=0)
    text = f"{label.capitalize()} of the kernels of {found.layer}. "
    return Chart(figure, text + "; ".join(words) + ".", points)


def splits(found: Findings) -> Chart | None:
    """The area under the curve of each layer and value, of all models compared.

    None for a network of one tower; those compared that have one are a control.
    """
    first = [
        (c.layer, name, c.splits[name])
        for c in found.colours
        for name in c.splits
        if c.towers > 1
    ]
    if not first:
        return None
    figure, axes = blank(height=90 + 48 * len(first))
    rows, words = [], []
    for row, (layer, name, split) in enumerate(first):
        low, middle, high = split.halves
        axes.plot([low, high], [row] * 2, color=FAINT, linewidth=9, alpha=0.45)
        axes.plot([middle], [row], "|", color=INK, markersize=9)
        beside = [
            each
            for model in found.compared
            for each in model.colours
            if each.layer == layer and name in each.splits
        ]
        others = [each.splits[name].area for each in beside if each.towers > 1]
        controls = [each.splits[name].area for each in beside if each.towers == 1]
        for areas, inside in ((others, SECOND), (controls, "none")):
            axes.plot(
                areas,
                [row + 0.2] * len(areas),
                "o",
                color=SECOND,
                markerfacecolor=inside,
                markersize=4,
            )
        axes.plot([split.area], [row], "D", color=FIRST, markersize=7)
        rows.append(f"{layer}\n{name}")
        words.append(
            f"{layer}, {name}: area {split.area:.2f}, {p_value(split.p)}, "
            f"random halves {low:.2f} to {high:.2f}"
            + (f", other models {_numbers(others)}" if others else "")
            + (f", of one tower, a control: {_numbers(controls)}" if controls else "")
        )
    axes.axvline(0.5, color=FAINT, linewidth=1, zorder=0)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(-0.03, 1.03)
    axes.set_xlabel("area under the curve; grey: random halves")
    return Chart(figure, "Split between the towers. " + "; ".join(words) + ".")


def separation(layers: Sequence[LayerActivity], classes: int) -> Chart:
    """How often the nearest centroid is that of the right class, layer by layer."""
    figure, axes = blank()
    names = [each.layer for each in layers]
    towers = max((len(each.separation_of_towers) for each in layers), default=0)
    for tower in range(towers):
        values = [
            each.separation_of_towers[tower] if each.separation_of_towers else math.nan
            for each in layers
        ]
        add_line(axes, names, values, TOWERS[tower % 2], f"tower {tower + 1}", 1.2)
    whole = [each.separation for each in layers]
    add_line(axes, names, whole, INK, "all units", 2.2)
    axes.axhline(1 / max(classes, 1), color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
    percent_axis(axes)
    axes.set_ylabel("nearest centroid is right")
    if towers:
        add_legend(axes)
    words = ", ".join(
        f"{name} {percent(value)}" for name, value in zip(names, whole, strict=True)
    )
    text = f"Pictures whose nearest centroid is of their class: {words}; chance "
    return Chart(figure, f"{text}{percent(1 / max(classes, 1))}.")


def dead(layers: Sequence[LayerActivity]) -> Chart:
    """The fraction of the units of each layer that none of the pictures excites."""
    figure, axes = blank()
    names = [each.layer for each in layers]
    fractions = [float(np.mean(each.dead)) for each in layers]
    bars = axes.bar(names, fractions, color=FIRST, width=0.62)
    counts = [f"{int(np.sum(each.dead)):,}" for each in layers]
    axes.bar_label(bars, counts, padding=2, color=INK, size=_SIZE)
    percent_axis(axes, top=max(0.1, 1.18 * max(fractions, default=0)))
    axes.set_ylabel("dead units")
    words = ", ".join(
        f"{name} {count} of {len(each.dead):,}"
        for name, count, each in zip(names, counts, layers, strict=True)
    )
    return Chart(figure, f"Units that none of the pictures excites: {words}.")


def reliability(found: Reliability) -> Chart:
    """How often answers of a probability are right, beside the diagonal."""
    figure, axes = blank()
    width = np.diff(found.edges)
    seen = found.counts > 0
    axes.bar(
        found.edges[:-1][seen] + 0.06 * width[seen],
        found.accuracy[seen],
        0.88 * width[seen],
        align="edge",
        color=FIRST,
        alpha=0.8,
    )
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=(0, (4, 3)))
    # The mean probability, as a dash over the bar: above it, the answers promise more.
    axes.plot(
        found.confidence[seen], found.confidence[seen], "o", color=SECOND, markersize=4
    )
    percent_axis(axes)
    _in_percent(axes.xaxis)
    axes.set_xlim(0, 1)
    axes.set_xlabel("probability of the answer")
    axes.set_ylabel("answers that are right")
    words = "; ".join(
        f"{percent(low)} to {percent(high)}: {percent(right)} of {count:,}"
        for low, high, right, count in zip(
            found.edges[:-1][seen],
            found.edges[1:][seen],
            found.accuracy[seen],
            found.counts[seen],
            strict=True,
        )
    )
    return Chart(figure, f"Answers that are right, by their probability: {words}.")


def percent(value: float, digits: int = 0) -> str:
    """A fraction for people.

    Args:
        value: The fraction.
        digits: Of the percentage after its point.

    Example:

    >>> percent(0.904), percent(0.904, 1), percent(float("nan"))
    ('90 %', '90.4 %', 'not known')
    """
    return f"{100 * value:.{digits}f} %" if math.isfinite(value) else "not known"


def decimals(value: Any, digits: int = 2) -> str:
    """A number for people, whose 0 has no sign.

    Args:
        value: The number.
        digits: After its point.

    Example:

    >>> decimals(-0.001), decimals(-0.25), decimals(0.5, 3)
    ('0.00', '-0.25', '0.500')
    """
    return f"{round(float(value), digits) + 0.0:.{digits}f}"  # −0.0 + 0.0 is 0.0


def are_cut(values: np.ndarray) -> bool:
    """Whether some values of kernels are so low that they are drawn at the border."""
    return bool(np.nanmin(values, initial=0) < _LEAST)


def p_value(p: float) -> str:
    """A p for people.

    Example:

    >>> p_value(0.0005), p_value(0.0312)
    ('p < 0.001', 'p = 0.031')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def is_clear(p: float) -> bool:
    """Whether chance alone seldom gives such a value."""
    return p < _LEVEL


def blank(width: float = _WIDTH, height: float = _HEIGHT) -> tuple[Figure, Axes]:
    """An empty chart in the colours that a page replaces; sides in pixels."""
    figure = new_figure(width, height)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(FAINT)
    axes.tick_params(color=FAINT, labelcolor=INK, labelsize=_SIZE)
    axes.xaxis.label.set(color=INK, size=_SIZE)
    axes.yaxis.label.set(color=INK, size=_SIZE)
    return figure, axes


def add_line(
    axes: Axes,
    places: Sequence[Any],
    values: Sequence[float],
    colour: str,
    label: str,
    width: float,
    few: bool = True,
) -> None:
    """Draws a line through values, with a mark at each if they are few."""
    mark = "o" if few else ""
    axes.plot(
        places,
        values,
        color=colour,
        label=label,
        linewidth=width,
        marker=mark,
        markersize=2.2 * width,
    )


def percent_axis(axes: Axes, top: float = 1.0) -> None:
    """Makes the axis upward one of per cent, from 0 to the fraction `top`."""
    axes.set_ylim(0, top)
    _in_percent(axes.yaxis)


def _in_percent(axis: Axis) -> None:
    # No ticks at 2.5 %, which would be rounded.
    axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(PercentFormatter(1, 0, " %"))


def add_legend(axes: Axes) -> None:
    """Names the lines, without a frame, which a page could not colour."""
    axes.legend(frameon=False, labelcolor=INK, fontsize=_SIZE)


def _tower_names(towers: int) -> list[str]:
    if towers == 1:
        return ["all"]
    return [f"tower {each + 1}" for each in range(towers)]


def _numbers(values: Sequence[float]) -> str:
    return shortened(", ".join(f"{value:.2f}" for value in values), 120)
