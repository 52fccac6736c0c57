"""The picture of a claim: what its artists have is what the result says."""

from __future__ import annotations

import dataclasses
import io
import math

import made_up_results
import numpy as np
import pytest
from made_up_results import HOSTILE, comparison
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from PIL import Image

from keras_alexnet.claims import charts, differences, drawing, wording
from keras_alexnet.claims.result import Chart, Comparison
from keras_alexnet.seeing import figures

RESULTS = {each.name: each for each in made_up_results.all_results()}
NAMES = sorted(RESULTS)
MOST_BYTES = 120_000


def drawn_chart(chart: Chart) -> Axes:
    with drawing.drawing():
        figure = figures.new_figure(540, 380)
        charts.draw_on(figure, chart)
        figures.png(figure)
    (axes,) = figure.axes
    return axes


def drawn_differences(comparisons: list[Comparison]) -> Figure:
    with drawing.drawing():
        figure = figures.new_figure(540, 380)
        figure.set_layout_engine("constrained")
        differences.draw_on(figure, comparisons)
        figures.png(figure)
    return figure


def found(axes: Axes, gid: str) -> list:
    """What is drawn for each row, by the first part of its id."""
    drawn = [*axes.lines, *axes.patches]
    return [each for each in drawn if (each.get_gid() or "").startswith(f"{gid}-")]


def luminance(colour: tuple[float, ...]) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def texts(figure: Figure) -> list[str]:
    """All texts that are drawn, also those of the parts of a figure."""
    return [
        each.get_text() for each in figure.findobj(lambda a: hasattr(a, "get_text"))
    ]


@pytest.mark.compat
@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_small_and_has_the_same_bytes_again(name: str) -> None:
    content = drawing.png(RESULTS[name])
    assert content == drawing.png(RESULTS[name])
    assert len(content) <= MOST_BYTES
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == "PNG"
        assert not picture.info, "no time stamp, no name of a program"
        assert picture.width == 2 * drawing.WIDTH
        assert picture.height >= 2 * drawing.HEIGHT


@pytest.mark.compat
@pytest.mark.parametrize("name", NAMES)
def test_verdict_and_statement_are_words(name: str) -> None:
    result = RESULTS[name]
    said = texts(drawing.draw(result))
    assert any(each.endswith(result.verdict) for each in said)
    assert any(result.statement in each.replace("\n", " ") for each in said)
    for own in result.comparisons:
        assert any(own.question in each.replace("\n", " ") for each in said)


def test_lines_have_the_known_values_and_seeds_one_legend_entry() -> None:
    chart = RESULTS["relu"].chart
    axes = drawn_chart(chart)
    lines = [each for each in axes.lines if not each.get_label().startswith("_")]
    assert {each.get_label() for each in lines} == set(chart.series)
    for line in lines:
        known = [
            (x, y)
            for x, y in zip(chart.x, chart.series[line.get_label()], strict=True)
            if y is not None
        ]
        np.testing.assert_allclose(line.get_xydata(), known)
    firsts = [name for name in chart.series if "#" not in name]
    assert [each.get_text() for each in axes.get_legend().get_texts()] == firsts
    colours = {each.get_label(): each.get_color() for each in lines}
    widths = {each.get_label(): each.get_linewidth() for each in lines}
    assert len({colours[name] for name in firsts}) == len(firsts)
    for name in chart.series:
        first = name.partition(" #")[0]
        assert colours[name] == colours[first]
        assert name == first or widths[name] < widths[first] / 2
    (level,) = [each for each in axes.lines if each not in lines]
    assert set(level.get_ydata()) == {chart.level}


def test_lines_may_have_logarithmic_axes_with_plain_numbers() -> None:
    chart = RESULTS["dropout_masks"].chart
    axes = drawn_chart(chart)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [each.get_text() for each in axes.get_xticklabels()] == list(
        map(str, chart.x)
    )
    with_zero = dataclasses.replace(chart, x=(0, *chart.x[1:]))
    assert drawn_chart(with_zero).get_xscale() == "symlog"


def test_bars_are_as_long_as_their_values() -> None:
    chart = RESULTS["augmentation"].chart
    axes = drawn_chart(chart)
    assert [each.get_label() for each in axes.containers] == list(chart.series)
    for bars, values in zip(axes.containers, chart.series.values(), strict=True):
        widths = [each.get_width() for each in bars]
        np.testing.assert_allclose(widths, [value or 0 for value in values])
    said = [each.get_text() for each in axes.texts]
    known = [v for values in chart.series.values() for v in values if v is not None]
    assert [float(each) for each in said if each != "–"] == known
    assert said.count("–") == 1  # where there is no value
    ticks = [each.get_text().replace("\n", " ") for each in axes.get_yticklabels()]
    assert ticks == list(chart.x)


def test_strips_have_a_row_of_points_for_each_series() -> None:
    chart = RESULTS["colour_split"].chart
    axes = drawn_chart(chart)
    rows = [each for each in axes.lines if each.get_marker() == "o"]
    for at, (line, values) in enumerate(zip(rows, chart.series.values(), strict=True)):
        np.testing.assert_allclose(
            line.get_xdata(), [v for v in values if v is not None]
        )
        assert np.abs(line.get_ydata() - at).max() < 0.3
    medians = [each for each in axes.lines if each.get_linewidth() == 2]
    for line, values in zip(medians, chart.series.values(), strict=True):
        known = [v for v in values if v is not None]
        np.testing.assert_allclose(line.get_xdata(), np.median(known))


def test_cells_of_a_heat_map_have_their_values() -> None:
    chart = RESULTS["starting_values"].chart
    axes = drawn_chart(chart)
    (mesh,) = axes.collections
    expected = np.array(list(chart.series.values()), float)
    cells = mesh.get_array().reshape(expected.shape)
    np.testing.assert_allclose(cells.filled(np.nan), expected)
    said = [each.get_text() for each in axes.texts]
    shown = [math.nan if each == "–" else float(each) for each in said]
    np.testing.assert_allclose(shown, expected.ravel(), atol=0.005)
    # A higher value is darker: whoever prints the picture in grey reads the same.
    order = np.argsort(expected[np.isfinite(expected)])
    light = [luminance(mesh.to_rgba(v)) for v in expected[np.isfinite(expected)]]
    assert np.all(np.diff(np.array(light)[order]) <= 1e-9)


@pytest.mark.compat
def test_the_numbers_of_all_cells_are_legible() -> None:
    """WCAG 2.2: a contrast of 4.5, on every colour that a cell can have."""
    values = [[float(14 * row + column) for column in range(14)] for row in range(30)]
    series = {str(row): each for row, each in enumerate(values)}
    axes = drawn_chart(Chart("heat", "t", tuple(range(14)), series, "x", "y"))
    (mesh,) = axes.collections
    assert len(axes.texts) == 14 * 30
    for text, value in zip(axes.texts, np.ravel(values), strict=True):
        pair = luminance(to_rgba(text.get_color())), luminance(mesh.to_rgba(value))
        assert (max(pair) + 0.05) / (min(pair) + 0.05) >= 4.5


def test_a_kind_that_is_unknown_is_refused() -> None:
    chart = dataclasses.replace(RESULTS["relu"].chart, kind="pie")
    with pytest.raises(
        ValueError, match="kind must be one of lines, bars, strips, heat"
    ):
        drawn_chart(chart)


@pytest.mark.compat
def test_each_answer_is_at_its_place_in_axes_of_its_unit() -> None:
    own = RESULTS["augmentation"].comparisons
    figure = drawn_differences(list(own))
    units = list(dict.fromkeys(each.unit for each in own))
    assert len(figure.axes) == len(units) == 3
    for axes, unit in zip(figure.axes, units, strict=True):
        rows = [each for each in own if each.unit == unit]
        assert (unit if unit != "points" else "points, of") in axes.get_xlabel()
        points = [each.get_xdata()[0] for each in found(axes, "point")]
        assert points == [each.value for each in rows]
        ends = [tuple(each.get_xdata()) for each in found(axes, "interval")]
        assert ends == [(each.low, each.high) for each in rows]
        levels = [set(each.get_xdata()) for each in found(axes, "level")]
        assert levels == [{each.level} for each in rows]
        colours = [to_hex(each.get_color()) for each in found(axes, "point")]
        assert colours == [differences.VERDICTS[each.verdict] for each in rows]
        for band, each in zip(found(axes, "band"), rows, strict=True):
            low, width = band.get_x(), band.get_width()
            ends_of_band = [each.level - each.smallest, each.level + each.smallest]
            if each.unit == "times":  # as far below on a scale of ratios
                ends_of_band[0] = each.level**2 / ends_of_band[1]
            left, right = axes.get_xlim()
            np.testing.assert_allclose(
                [low, low + width], np.clip(ends_of_band, left, right)
            )
        said = [each.get_text() for each in axes.texts]
        for each in rows:
            mark = wording.MARKS[each.verdict]
            numbers = f"{wording.end(each, each.value)} ({wording.interval(each)})"
            assert f"{numbers}  {mark}" in said


def test_the_paper_is_an_open_diamond_where_it_has_a_figure() -> None:
    figure = drawn_differences(list(RESULTS["relu"].comparisons))
    (axes,) = figure.axes
    (paper,) = found(axes, "paper")
    assert paper.get_xdata()[0] == 6.0
    assert (paper.get_marker(), paper.get_markerfacecolor()) == ("D", "none")
    left, right = axes.get_xlim()
    assert left < 1 < 6 < right


@pytest.mark.parametrize("low", [-math.inf, math.nan, -1.0])
@pytest.mark.parametrize("high", [math.inf, math.nan, 5.0])
def test_an_end_that_is_not_finite_is_an_arrow_at_the_edge(
    low: float, high: float
) -> None:
    own = comparison("a", 2.0, 1.0, low=low, high=high, seeds=1, verdict="undecided")
    (axes,) = drawn_differences([own]).axes
    left, right = axes.get_xlim()
    (line,) = found(axes, "interval")
    expected = [
        low if math.isfinite(low) else left,
        high if math.isfinite(high) else right,
    ]
    assert list(line.get_xdata()) == expected
    arrows = {each.get_marker(): each.get_xdata()[0] for each in axes.lines}
    assert arrows.get("<") == (None if math.isfinite(low) else left)
    assert arrows.get(">") == (None if math.isfinite(high) else right)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_an_answer_that_is_not_known_is_said_and_not_drawn(level: float) -> None:
    nan = math.nan
    own = comparison("a", nan, nan, "times", level=level, verdict="undecided")
    (axes,) = drawn_differences([own]).axes
    assert not found(axes, "point")
    assert any(each.get_text().startswith("not known") for each in axes.texts)
    assert axes.get_xlim()[0] < level < axes.get_xlim()[1]


@pytest.mark.compat
@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_rows_do_not_cover_each_other(count: int) -> None:
    """The texts of all rows, as they are drawn, and within the picture."""
    question = "Networks with one thing against networks with another thing, number"
    own = [comparison(f"{question} {at}", at - 2.0, 1.0) for at in range(count)]
    result = dataclasses.replace(RESULTS["relu"], comparisons=tuple(own))
    figure = drawing.draw(result)
    with drawing.drawing():
        figures.png(figure)
    axes = figure.axes[-1]
    # What annotates the axis itself is below it.
    words = [each for each in axes.texts if "claim" not in each.get_text()]
    boxes = [each.get_window_extent() for each in words]
    assert len(boxes) == 2 * count
    for at, one in enumerate(boxes):
        assert one.x0 >= 0
        assert one.x1 <= figure.bbox.width
        assert not any(one.overlaps(other) for other in boxes[at + 1 :])


def test_names_are_text_and_what_cannot_be_drawn_is_escaped() -> None:
    result = dataclasses.replace(
        RESULTS["relu"],
        statement=HOSTILE,
        title=HOSTILE,
        comparisons=(
            dataclasses.replace(RESULTS["relu"].comparisons[0], question=HOSTILE),
        ),
        chart=Chart("bars", HOSTILE, (HOSTILE,), {HOSTILE: [1.0]}, HOSTILE, HOSTILE),
    )
    said = " ".join(texts(drawing.draw(result))).replace("\n", " ")
    assert "$x$" in said, "not taken for a formula"
    assert "\u202e" not in said
    assert r"\u202e" in said
    assert drawing.png(result)
