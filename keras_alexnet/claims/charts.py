"""A claim's own chart: lines, bars, strips or a heat map."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullLocator,
)

from keras_alexnet.claims import wording
from keras_alexnet.claims.result import Chart
from keras_alexnet.reasons import must_be
from keras_alexnet.seeing.charts import FAINT, FIRST, INK, SECOND
from keras_alexnet.seeing.figures import shown

SIZE = 9.5  # of text
TITLE = 11.0
_CHARACTER, _TITLE_CHARACTER = 7.4, 9.2  # pixels
# Each has a contrast of 3 on white and on the page's dark ground.
COLOURS = (
    FIRST,
    SECOND,
    "#1f8a5b",
    "#9a63c4",
    "#c2478b",
    "#7c7f1c",
    "#3a8f9a",
    "#8a6d5a",
)
_DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 1.4)), (0, (6, 2, 1.5, 2)))
_HEAT = LinearSegmentedColormap.from_list("claims", ["#edf3f9", "#8fb9de", "#1c4f82"])
# On the cells of the heat map, which are the same on a dark page: no colours of it.
_DARK, _LIGHT = "#050505", "#fffffe"
_FEW = 30  # values of a line up to which each has a mark
_AROUND = 120  # pixels of title, names and axis
_NAME = 24  # characters of a name in a line
_CELLS = 14  # columns up to which cells have their numbers


def height(chart: Chart) -> float:
    """How high a drawing of a chart must be, in pixels, for names to be read."""
    rows = len(chart.series)
    if chart.kind == "bars":
        return _AROUND + len(chart.x) * max(22 * rows, 40)
    return _AROUND + 40 * rows if chart.kind in ("strips", "heat") else 0


def draw_on(figure: Figure | SubFigure, chart: Chart) -> None:
    """Draws a claim's own chart.

    Args:
        figure: An empty figure, or a part of one.
        chart: What is drawn.

    Raises:
        ValueError: If there is no such kind.
    """
    draw = _DRAWN.get(chart.kind)
    if draw is None:
        raise must_be("kind", f"one of {', '.join(_DRAWN)}", chart.kind)
    title_on(figure, chart.title)
    axes = figure.add_subplot()
    style(axes)
    draw(axes, chart)


def title_on(figure: Figure | SubFigure, title: str) -> None:
    """The title of a figure, or of a part of one: at its left."""
    text = textwrap.fill(shown(title, 140), int(figure.bbox.width / _TITLE_CHARACTER))
    figure.suptitle(text, x=0.012, ha="left", color=INK, size=TITLE, weight="bold")


def style(axes: Axes) -> None:
    """Quiet axes: lines at the left and below alone."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(FAINT)
    axes.tick_params(color=FAINT, labelcolor=INK, labelsize=SIZE)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(color=INK, size=SIZE)


def log_scale(axis: Axis, values: Sequence[float]) -> None:
    """A logarithmic axis whose ticks are plain numbers.

    Args:
        axis: The horizontal or the vertical one.
        values: What is drawn along it; few of them are its ticks.
    """
    axes = axis.axes
    scale = axes.set_xscale if axis is axes.xaxis else axes.set_yscale
    positive = [value for value in values if value > 0]
    if len(positive) < len(values) and positive:
        scale("symlog", linthresh=min(positive))  # 0 is drawn too
    elif positive:
        scale("log")
    else:
        return
    spread = max(positive) / min(positive)
    if len(set(values)) <= 9:
        axis.set_major_locator(FixedLocator(sorted(set(values))))
    elif len(positive) == len(values):
        few = (1, 2, 5) if spread < 60 else (1,)
        axis.set_major_locator(LogLocator(subs=few))
    axis.set_major_formatter(FuncFormatter(lambda value, _: wording.amount(value)))
    axis.set_minor_locator(NullLocator())


def _lines(axes: Axes, chart: Chart) -> None:
    named = any(isinstance(each, str) for each in chart.x)
    places = [float(x) for x in (range(len(chart.x)) if named else chart.x)]
    drawn: list[float] = []
    for row, (name, seeds) in enumerate(wording.series_of(chart).items()):
        colour = COLOURS[row % len(COLOURS)]
        for at, seed in enumerate(seeds):
            points = _known(places, chart.series[seed])
            few = at == 0 and len(points) <= _FEW
            axes.plot(
                [x for x, _ in points],
                [y for _, y in points],
                color=colour,
                linestyle=_DASHES[row % len(_DASHES)] if at == 0 else "-",
                linewidth=0.8 if at else 2.0,
                alpha=0.45 if at else 1.0,
                marker="o" if few else "",
                markersize=4,
                label=shown(seed, 48) if at else shown(name, 48),
                zorder=2.1 if at else 2.5,
            )
            drawn += [y for _, y in points]
    if named:
        axes.set_xticks(places, [_wrapped(str(each), 12) for each in chart.x])
    elif chart.log_x:
        log_scale(axes.xaxis, places)
    elif all(place.is_integer() for place in places):  # no half an epoch
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if chart.log_y:
        log_scale(axes.yaxis, drawn)
    if chart.level is not None:
        axes.axhline(chart.level, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_xlabel(shown(chart.x_label, 90))
    axes.set_ylabel(textwrap.fill(shown(chart.y_label, 90), 44))
    axes.grid(axis="y", color=FAINT, alpha=0.25, linewidth=0.7)
    firsts = {seeds[0] for seeds in wording.series_of(chart).values()}
    handles = [
        line
        for line, name in zip(axes.lines, _seeds_in_order(chart), strict=False)
        if name in firsts
    ]
    _legend(axes, handles)


def _seeds_in_order(chart: Chart) -> list[str]:
    return [each for seeds in wording.series_of(chart).values() for each in seeds]


def _bars(axes: Axes, chart: Chart) -> None:
    """Bars lie down: names beside them are read, however long they are."""
    count, places = len(chart.series), np.arange(len(chart.x))
    height = 0.72 / max(count, 1)
    known: list[float] = []
    named = wording.alike([v for values in chart.series.values() for v in values])
    for row, (name, values) in enumerate(chart.series.items()):
        known += [each for each in values if each is not None and math.isfinite(each)]
        bars = axes.barh(
            places + (row - (count - 1) / 2) * height,
            [0 if _is_unknown(each) else each for each in values],
            height * 0.9,
            color=COLOURS[row % len(COLOURS)],
            label=shown(name, 48),
        )
        labels = [named(each) for each in values]
        axes.bar_label(bars, labels, padding=4, color=INK, size=SIZE)
    axes.set_yticks(places, [_wrapped(_text(each), _NAME) for each in chart.x])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set_ylabel(shown(chart.x_label, 60))
    if chart.log_y:
        log_scale(axes.xaxis, known)
    axes.margins(x=0.16)
    _values_along_x(axes, chart)
    if count > 1:
        _legend(axes, axes.containers)


def _strips(axes: Axes, chart: Chart) -> None:
    for row, values in enumerate(chart.series.values()):
        known = [v for v in values if v is not None and math.isfinite(v)]
        # Where a point is within its row says nothing: points do not cover each other.
        offsets: np.ndarray = np.resize([0, 0.16, -0.16, 0.08, -0.08], len(known))
        axes.plot(
            known,
            row + offsets,
            "o",
            color=COLOURS[row % len(COLOURS)],
            markersize=7,
            alpha=0.8,
            markeredgewidth=0,
        )
        if known:
            median = float(np.median(known))
            axes.plot([median] * 2, [row - 0.3, row + 0.3], color=INK, linewidth=2)
    names = [_wrapped(each, _NAME) for each in chart.series]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    if chart.log_y:
        drawn = [v for values in chart.series.values() for v in values if v is not None]
        log_scale(axes.xaxis, drawn)
    _values_along_x(axes, chart, "; line: median")


def _heat(axes: Axes, chart: Chart) -> None:
    table = np.array(
        [[math.nan if v is None else v for v in row] for row in chart.series.values()],
        float,
    )
    known = table[np.isfinite(table)]
    colours = np.where(table > 0, np.log(np.maximum(table, 1e-300)), math.nan)
    colours = colours if chart.log_y else table
    named = wording.alike(table.ravel().tolist())
    mesh = axes.pcolormesh(
        np.ma.masked_invalid(colours), cmap=_HEAT, edgecolors="face", linewidth=0.5
    )
    for (row, column), value in np.ndenumerate(table):
        if table.shape[1] > _CELLS:
            break
        cell = colours[row, column]
        axes.text(
            column + 0.5,
            row + 0.5,
            named(value),
            ha="center",
            va="center",
            size=SIZE if table.shape[1] <= 6 else SIZE - 1.5,
            color=_readable_on(mesh.to_rgba(cell)) if np.isfinite(cell) else INK,
        )
    axes.set_xticks(
        np.arange(len(chart.x)) + 0.5,
        [_wrapped(_text(each), max(6, 48 // max(len(chart.x), 1))) for each in chart.x],
    )
    names = [_wrapped(each, _NAME) for each in chart.series]
    axes.set_yticks(np.arange(len(names)) + 0.5, names)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[["bottom", "left"]].set_visible(False)
    ends = ""
    if len(known):
        least, most = named(float(known.min())), named(float(known.max()))
        ends = f"\ncells: {shown(chart.y_label, 60)}, {least} (light) to {most} (dark)"
    axes.set_xlabel(shown(chart.x_label, 90) + ends)


_DRAWN: dict[str, Callable[[Axes, Chart], None]] = {
    "lines": _lines,
    "bars": _bars,
    "strips": _strips,
    "heat": _heat,
}


def _values_along_x(axes: Axes, chart: Chart, more: str = "") -> None:
    axes.set_xlabel(shown(chart.y_label, 90) + more)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=FAINT, alpha=0.25, linewidth=0.7)
    axes.set_axisbelow(True)
    if chart.level is not None:
        axes.axvline(chart.level, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))


def _legend(axes: Axes, handles: Sequence[Any]) -> None:
    """The names above the chart, where they cover nothing."""
    longest = max((len(str(each.get_label())) for each in handles), default=0)
    line = axes.figure.bbox.width / _CHARACTER - 10
    columns = max(1, min(len(handles), int(line // (longest + 7))))
    axes.legend(
        handles=list(handles),
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=columns,
        frameon=False,
        labelcolor=INK,
        fontsize=SIZE,
        handlelength=2.4,
        columnspacing=1.4,
        borderaxespad=0.2,
    )


def _known(
    places: Sequence[float], values: Sequence[float | None]
) -> list[tuple[float, float]]:
    return [
        (x, y)
        for x, y in zip(places, values, strict=False)
        if y is not None and not _is_unknown(y)
    ]


def _readable_on(colour: Any) -> str:
    """The colour of text that has the higher contrast (WCAG 2.2): at least 4.5."""
    channels = np.array(colour[:3])
    linear = np.where(
        channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
    )
    light = float(linear @ [0.2126, 0.7152, 0.0722]) + 0.05
    return _LIGHT if 1.05 / light > light / 0.0515 else _DARK


def _is_unknown(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def _text(each: float | str) -> str:
    return each if isinstance(each, str) else wording.amount(each)


def _wrapped(name: str, width: int) -> str:
    return textwrap.fill(shown(name, 3 * width), width)
