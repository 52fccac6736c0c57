"""The picture of a claim: verdict, statement, its own chart, and the differences."""

from __future__ import annotations

import contextlib
import io
import textwrap
from collections.abc import Iterator
from typing import Any

import matplotlib
from matplotlib.figure import Figure, SubFigure
from PIL import Image

from keras_alexnet.claims import charts, differences, wording
from keras_alexnet.claims.result import WHOLE, Result
from keras_alexnet.seeing import figures
from keras_alexnet.seeing.charts import INK

WIDTH, HEIGHT = 1100, 480
_SOFT = "#5c5c5c"
_LEFT = 0.006  # of the width, as the titles below
_STATEMENT = 74  # characters in a line
_LONGEST = 300
_SCALE = 2  # of the PNG file, for dense screens
_COLOURS = 64  # of the PNG file


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """Within the context figures have our style, and `$` is a sign like any other."""
    with figures.drawing(), matplotlib.rc_context({"text.parse_math": False}):
        yield


def draw(result: Result) -> Figure:
    """Draws a claim: its chart at the left, the differences at the right.

    Args:
        result: What came of the claim.

    Raises:
        ValueError: If there is no such kind of chart.
    """
    with drawing():
        statement = textwrap.wrap(figures.shown(result.statement, _LONGEST), _STATEMENT)
        above = 78 + 26 * len(statement)
        rows = differences.height(result.comparisons, WIDTH / 2)
        body = max(HEIGHT - above, rows, charts.height(result.chart))
        figure = figures.new_figure(WIDTH, above + body)
        figure.set_layout_engine("constrained", w_pad=0.07, h_pad=0.06)
        parts: Any = figure.subfigures(2, 1, height_ratios=[above, body])
        head, below = parts
        _head(head, result, statement, above)
        left, right = below.subfigures(1, 2, wspace=0.05, width_ratios=[1, 1.05])
        charts.draw_on(left, result.chart)
        differences.draw_on(right, result.comparisons)
    return figure


def png(result: Result) -> bytes:
    """The picture of a claim as a PNG file; the same result gives the same bytes."""
    with drawing():
        drawn = figures.png(draw(result), _SCALE)
    content = io.BytesIO()
    with Image.open(io.BytesIO(drawn)) as picture:
        few = picture.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    few.save(content, format="PNG", optimize=True)
    return content.getvalue()


def _head(
    figure: SubFigure, result: Result, statement: list[str], height: float
) -> None:
    parts = [f"section {result.section}"] if result.section else []
    form = "" if result.form == WHOLE else f"{result.form} form"
    line = " · ".join(filter(None, [*parts, result.title, form]))
    rows: tuple[tuple[float, str, dict[str, Any]], ...] = (
        (14, figures.shown(line, 110), {"size": 10, "color": _SOFT}),
        (
            *(34, "\n".join(statement)),
            {"size": 15, "color": INK, "weight": "bold", "linespacing": 1.25},
        ),
        (
            *(
                43 + 26 * len(statement),
                f"The paper: {figures.shown(result.paper, 140)}",
            ),
            {"size": 10.5, "color": _SOFT},
        ),
    )
    for place, words, kind in rows:
        figure.text(_LEFT, 1 - place / height, words, va="top", **kind)
    mark = wording.MARKS.get(result.verdict, "")
    figure.text(
        *(1 - _LEFT - 0.008, 1 - 20 / height, f"{mark}  {result.verdict}"),
        ha="right",
        va="top",
        color="white",
        size=13,
        weight="bold",
        bbox={
            "boxstyle": "round,pad=0.45",
            "facecolor": differences.VERDICTS.get(result.verdict, _SOFT),
            "edgecolor": "none",
        },
    )
