"""The answers of a claim beside each other: points, intervals, the paper's figures."""

from __future__ import annotations

import dataclasses
import math
import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from keras_alexnet.claims import wording
from keras_alexnet.claims.charts import SIZE, log_scale, style, title_on
from keras_alexnet.claims.result import Comparison
from keras_alexnet.seeing.charts import FAINT, INK
from keras_alexnet.seeing.figures import shown

# Each has a contrast of 3 on white and on the page's dark ground.
VERDICTS = {"seen": "#1f8a4c", "contradicted": "#d0402b", "undecided": "#777f89"}
_SHAPES = {
    "seen": ("o", None),
    "contradicted": ("X", None),
    "undecided": ("o", "white"),
}
_PAPER: dict[str, Any] = {
    "color": INK,
    "linestyle": "",
    "marker": "D",
    "markerfacecolor": "none",
    "markeredgewidth": 1.5,
    "markersize": 8,
}
_BOUNDS = {"at least": "≥ ", "at most": "≤ "}
TIMES = "times"  # the unit of ratios
_TITLE = "The differences, each with its 95 % interval"
_RANGE = "The answer, with its range"  # where no chance is in it
_AXES = {"points": "points, of 100 pictures", "times": "times"}
# Pixels of a row's numbers, of the words at an end of an axis, of a character.
_NUMBERS, _ENDS, _CHARACTER, _BOLD = 186, 150, 7.4, 8.2
# In heights of a line of text.
_LINE, _BAR, _GAP = 1.0, 1.25, 0.7
_AROUND = 90  # pixels of title and key
_AXIS = 3.2  # what the numbers and the name of an axis take
_PIXELS = 17.5  # of a line
_TALLEST = 26  # pixels, where there is more room than lines
_LOG = 20  # times from which an axis is logarithmic
_FAR = 1.6  # how far beyond all else the band may widen an axis


@dataclasses.dataclass(frozen=True)
class _Row:
    own: Comparison
    question: str
    place: float  # of the interval, in lines from the top of the axes
    number: int


def height(comparisons: Sequence[Comparison], width: float) -> float:
    """How high a drawing of that width should be; both in pixels."""
    lines = sum(_lines(rows) + _AXIS for rows in _groups(comparisons, width))
    return _AROUND + _PIXELS * lines


def draw_on(figure: Figure | SubFigure, comparisons: Sequence[Comparison]) -> None:
    """Draws comparisons: a row for each, small axes for each unit.

    A row has the point, its interval (as far as the edge, with an arrow, where an end
    is not finite), an open diamond at the paper's figure, and a faint band about no
    effect: what is smaller than that is not seen reliably.

    Args:
        figure: An empty figure, or a part of one.
        comparisons: At least one; the first is the claim's own.
    """
    title_on(figure, _TITLE if any(each.seeds for each in comparisons) else _RANGE)
    groups = _groups(comparisons, figure.bbox.width)
    needed = [_lines(rows) for rows in groups]
    # Rows are not stretched without end: what is left is above and below them.
    room = (figure.bbox.height - _AROUND - _AXIS * _PIXELS * len(groups)) / _TALLEST
    spare = max(room - sum(needed), 0) / len(groups)
    ratios = [lines + spare for lines in needed]
    grid = figure.add_gridspec(len(groups), 1, height_ratios=ratios)
    for at, rows in enumerate(groups):
        axes = figure.add_subplot(grid[at, 0])
        style(axes)
        axes.set_gid(f"differences-{at}")
        _group(axes, rows, spare)
    _key(figure, comparisons)


def _groups(comparisons: Sequence[Comparison], width: float) -> list[list[_Row]]:
    """The rows of each unit and level, in their order."""
    found: dict[tuple[str, float], list[_Row]] = {}
    for at, own in enumerate(comparisons):
        rows = found.setdefault((own.unit, own.level), [])
        character = _CHARACTER if at else _BOLD
        line = max(int((width - _NUMBERS) / character), 16)  # in characters
        question = textwrap.fill(shown(own.question, 3 * line), line)
        above = rows[-1].place + _BAR / 2 + _GAP if rows else 0.2
        place = above + _LINE * (question.count("\n") + 1) + 0.2 + _BAR / 2
        rows.append(_Row(own, question, place, at))
    return list(found.values())


def _lines(rows: Sequence[_Row]) -> float:
    return rows[-1].place + _BAR / 2 + 0.4


def _group(axes: Axes, rows: Sequence[_Row], spare: float) -> None:
    first = rows[0].own
    _limits(axes, [row.own for row in rows])
    axes.set_ylim(_lines(rows) + spare / 2, -spare / 2)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    for row in rows:
        _row(axes, row)
    name = shown(_AXES.get(first.unit, first.unit), 60)
    beside = axes.figure.bbox.width - 2 * _ENDS
    below = "\n" if len(name) * _CHARACTER > beside else ""
    axes.set_xlabel(below + name)
    for at, side, text in (
        (0, "left", "← against the claim"),
        (1, "right", "as claimed →"),
    ):
        axes.annotate(
            text,
            (at, 0),
            (0, -21),
            xycoords="axes fraction",
            textcoords="offset points",
            ha=side,
            va="top",
            size=SIZE,
            color=INK,
        )


def _row(axes: Axes, row: _Row) -> None:
    own = row.own
    left, right = axes.get_xlim()
    top = row.place - _BAR / 2
    if math.isfinite(own.value):
        _band(axes, row, left, right)
        _interval(axes, row, left, right)
    none = axes.plot([own.level] * 2, [top, top + _BAR], color=INK, linewidth=1.2)[0]
    none.set_gid(f"level-{row.number}")
    if own.paper is not None and math.isfinite(own.paper):
        mark: dict[str, Any] = {"clip_on": False, "zorder": 4, **_PAPER}
        axes.plot([own.paper], [row.place], **mark)[0].set_gid(f"paper-{row.number}")
    text: dict[str, Any] = {
        "transform": axes.get_yaxis_transform(),
        "va": "bottom",
        "color": INK,
        "size": SIZE,
        "weight": "normal" if row.number else "bold",
    }
    axes.text(0, top - 0.15, row.question, **text)
    axes.text(1, top - 0.15, _numbers(own), ha="right", **text)


def _interval(axes: Axes, row: _Row, left: float, right: float) -> None:
    own, colour = row.own, VERDICTS.get(row.own.verdict, FAINT)
    low = own.low if math.isfinite(own.low) else left
    high = own.high if math.isfinite(own.high) else right
    kind: dict[str, Any] = {"color": colour, "clip_on": False, "zorder": 3}
    line = axes.plot([low, high], [row.place] * 2, linewidth=2.6, **kind)[0]
    line.set_solid_capstyle("butt")
    line.set_gid(f"interval-{row.number}")
    for value, edge, mark in ((own.low, left, "<"), (own.high, right, ">")):
        if not math.isfinite(value):
            axes.plot([edge], [row.place], mark, markersize=7, **kind)
    kind |= _point(own.verdict)
    axes.plot([own.value], [row.place], **kind)[0].set_gid(f"point-{row.number}")


def _point(verdict: str) -> dict[str, Any]:
    """The mark of a verdict: its shape says it too."""
    colour = VERDICTS.get(verdict, FAINT)
    shape, inside = _SHAPES.get(verdict, ("o", "white"))
    return {
        "color": colour,
        "marker": shape,
        "markerfacecolor": inside or colour,
        "markeredgewidth": 1.8 if shape == "o" else 0,
        "markersize": 8 if shape == "o" else 10,
    }


def _numbers(own: Comparison) -> str:
    mark = wording.MARKS.get(own.verdict, "")
    if not math.isfinite(own.value):
        return f"{wording.UNKNOWN}  {mark}"
    ends = wording.short_interval(own)
    value = _BOUNDS.get(own.bound, "") + wording.end(own, own.value)
    return f"{value}{f' ({ends})' if ends else ''}  {mark}"


def _band(axes: Axes, row: _Row, left: float, right: float) -> None:
    ends = _too_small(row.own)
    low, high = max(ends[0], left), min(ends[1], right)
    box = Rectangle((low, row.place - _BAR / 2), high - low, _BAR)
    box.set(facecolor=FAINT, alpha=0.22, linewidth=0, zorder=1)
    box.set_gid(f"band-{row.number}")
    axes.add_patch(box)


def _too_small(own: Comparison) -> tuple[float, float]:
    """The ends of the band about no effect; a ratio reaches as many times below it."""
    reach = own.smallest if math.isfinite(own.smallest) else math.inf
    if own.unit == TIMES:
        factor = 1 + reach / own.level
        return own.level / factor, own.level * factor
    return own.level - reach, own.level + reach


def _limits(axes: Axes, comparisons: Sequence[Comparison]) -> None:
    """So wide that all is seen, but no band takes the room of the answers."""
    level = comparisons[0].level
    values = [
        value
        for own in comparisons
        for value in (own.value, own.low, own.high, own.paper, level)
        if value is not None and math.isfinite(value)
    ]
    reach = max(abs(value - level) for value in values)
    bands = [own.smallest for own in comparisons if math.isfinite(own.smallest)]
    reach = reach or max(bands, default=1.0) or 1.0
    for own in comparisons:
        if math.isfinite(own.smallest):
            low, high = _too_small(own)
            far = _FAR * reach
            values += [max(low, level - far), min(high, level + far)]
    low, high = min(values), max(values)
    unbounded = not all(math.isfinite(e) for c in comparisons for e in (c.low, c.high))
    if unbounded:
        low, high = min(low, level - 1.3 * reach), max(high, level + 1.3 * reach)
    positive = [value for value in values if value > 0]
    if level > 0 and high > _LOG * level and not unbounded:
        axes.set_xlim(min(positive) / 1.3, high * 1.3)
        log_scale(axes.xaxis, [min(positive), *range(2, 11), high])
        return
    room = 0.05 * (high - low)
    axes.set_xlim(low - room, high + room)


def _key(figure: Figure | SubFigure, comparisons: Sequence[Comparison]) -> None:
    found = list(dict.fromkeys(each.verdict for each in comparisons))
    handles: list[Any] = [
        Line2D([], [], linewidth=2.6, label=each, **_point(each)) for each in found
    ]
    if any(each.paper is not None for each in comparisons):
        handles.append(Line2D([], [], label="the paper", **_PAPER))
    if any(each.seeds for each in comparisons):
        small = "too small to be sure of"
        handles.append(Patch(facecolor=FAINT, alpha=0.22, label=small))
    figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=len(handles) if len(handles) * 125 < figure.bbox.width else 3,
        frameon=False,
        labelcolor=INK,
        fontsize=SIZE,
        handlelength=1.8,
        columnspacing=1.4,
        borderaxespad=0,
    )
