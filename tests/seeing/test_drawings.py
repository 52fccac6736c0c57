"""The drawings of a report: each is made, and shows what was found."""

from __future__ import annotations

import dataclasses
import io
import math
from xml.etree import ElementTree

import numpy as np
import pytest
from made_up_findings import findings
from matplotlib.figure import Figure
from PIL import Image

from keras_alexnet.inspection.findings import Findings
from keras_alexnet.seeing import (
    charts,
    curves,
    drawings,
    embedded,
    figures,
    inline,
    page_text,
)

ROWS = [
    {"epoch": n, "loss": 2 / n, "val_loss": 2.2 / n, "learning_rate": 0.1 ** (n // 2)}
    for n in (1, 2, 3, 4, 5, 6)
]
FOUND = findings(compared=1)


def drawn(found: Findings = FOUND) -> dict[str, tuple[bytes, bytes]]:
    with figures.drawing():
        made = {name: draw() for name, draw in drawings.of_findings(found, ROWS)}
        return {
            name: (figures.png(figure), figures.svg(figure))
            for name, figure in made.items()
        }


@pytest.mark.compat
def test_every_drawing_is_made_and_has_the_same_bytes_again() -> None:
    first, second = drawn(), drawn()
    assert {
        *("figure3_conv1", "figure3_conv1_zero_centred", "figure3_split"),
        *("figure4_answers", "figure4_nearest_in_fc7", "figure4_nearest_in_pixels"),
        *("activations_conv1", "patches_fc7", "maps_1", "separation", "dead_units"),
        *("run_loss", "run_rate", "confusion", "reliability", "worst"),
    } <= set(first)
    assert first == second
    for png, svg in first.values():
        with Image.open(io.BytesIO(png)) as picture:
            assert min(picture.size) >= 60
        assert ElementTree.fromstring(svg).tag.endswith("svg")


@pytest.mark.compat
@pytest.mark.parametrize("towers", [1, 2])
def test_the_points_of_kernels_are_at_their_values(towers: int) -> None:
    colours = findings(towers=towers).colours[0]
    with figures.drawing():
        chart = charts.colours(colours, "selectivity")
        text = inline.svg(chart.figure, "c", chart.text, chart.points)
    (axes,) = chart.figure.axes
    lines = [line for line in axes.lines if (line.get_gid() or "").startswith("point")]
    assert len(lines) == towers
    values = np.concatenate([line.get_xdata() for line in lines])
    known = [value for value in colours.selectivity if math.isfinite(value)]
    np.testing.assert_allclose(values, known)
    named = [
        (each.get("data-unit"), float(each.get("x", "nan")))
        for each in ElementTree.fromstring(text).iter("use")
        if each.get("data-unit")
    ]
    assert [name for name, _ in named] == [
        f"conv1:{unit}"
        for unit, value in enumerate(colours.selectivity)
        if math.isfinite(value)
    ]
    # They are as far apart as the values: one scale for all.
    places = [place for _, place in named]
    slope, start = np.polyfit(known, places, 1)
    np.testing.assert_allclose(places, slope * np.array(known) + start, atol=0.01)


@pytest.mark.compat
def test_values_that_are_far_too_low_are_drawn_at_the_border() -> None:
    colours = findings().colours[0]
    colours.selectivity[7] = -40.0
    with figures.drawing():
        chart = charts.colours(colours, "selectivity")
        text = inline.svg(chart.figure, "c", chart.text, chart.points)
    assert 'data-unit="conv1:7"' in text
    assert "-40.00" in chart.text


@pytest.mark.compat
def test_the_split_is_drawn_beside_its_control() -> None:
    with figures.drawing():
        chart = charts.splits(FOUND)
    assert chart is not None
    first = FOUND.colours[0].splits["colourfulness"]
    (axes,) = chart.figure.axes
    diamonds = [line for line in axes.lines if line.get_marker() == "D"]
    assert diamonds[0].get_xdata()[0] == first.area
    assert len(diamonds) == 4
    assert f"area {first.area:.2f}, p < 0.001, random halves 0.39 to 0.61" in chart.text


@pytest.mark.compat
def test_rates_that_fall_by_steps_have_a_logarithmic_axis() -> None:
    flat = [{**row, "learning_rate": 0.01} for row in ROWS]
    with figures.drawing():
        steps, plain = (curves.charts_of(rows)["rate"].figure for rows in (ROWS, flat))
    assert steps.axes[0].get_yscale() == "log"
    assert plain.axes[0].get_yscale() == "linear"


def test_a_chart_in_a_page_has_no_style_and_no_names_of_others() -> None:
    figure = Figure()
    figure.add_subplot().plot([1, 2], color=charts.FIRST)
    texts = [inline.svg(figure, name, 'with "quotes" & <signs>') for name in "ab"]
    roots = [ElementTree.fromstring(text) for text in texts]
    assert roots[0].get("aria-label") == 'with "quotes" & <signs>'
    every = [each for root in roots for each in root.iter()]
    assert not any("style" in each.attrib for each in every)
    assert not any(each.tag == "style" for each in every)
    ids = [each.get("id") for each in every if each.get("id")]
    assert len(ids) == len(set(ids)) > 20
    assert any("stroke-first" in each.get("class", "") for each in every)


@pytest.mark.compat
def test_bold_text_of_a_chart_is_bold_in_a_page_and_white_is_its_paper() -> None:
    with figures.drawing():
        figure, axes = charts.blank()
        axes.set_title("bold", weight="bold")
        axes.plot([1, 2], "o", color=charts.INK, markerfacecolor="white")
        root = ElementTree.fromstring(inline.svg(figure, "a", "words"))
    weights = {each.text: each.get("font-weight") for each in root.iter("text")}
    assert weights.pop("bold") == "700"
    assert set(weights.values()) == {None}
    marks = [each.get("class", "") for each in root.iter("use")]
    assert any("fill-paper stroke-ink" in each for each in marks)


@pytest.mark.compat
def test_zero_is_grey_in_the_centred_scale_alone() -> None:
    kernels = np.zeros((3, 3, 3, 2), np.float32)
    kernels[0, 0, 0] = -1.0, 3.0
    source, centred = (embedded.limits(kernels, each) for each in (False, True))
    assert source == (-1.0, 3.0)
    assert centred == (-3.0, 3.0)
    assert embedded.kernel_pixels(kernels[..., 0], centred)[2, 2].tolist() == [127] * 3
    assert embedded.kernel_pixels(kernels[..., 1], source)[0, 0].tolist() == [
        255,
        63,
        63,
    ]


@pytest.mark.compat
def test_what_speaks_for_a_class_is_orange_and_what_speaks_against_it_blue() -> None:
    values = np.zeros((20, 20))
    values[:10, :10], values[10:, 10:] = 2.0, -2.0
    shown = embedded.heat(np.full((20, 20, 3), 128, np.uint8), values).astype(int)
    red, green, blue = shown[2, 2]
    assert red > green > blue
    red, green, blue = shown[15, 15]
    assert blue > green > red
    assert len({*shown[2, 15].tolist()}) == 1


@pytest.mark.compat
@pytest.mark.parametrize("part", [0.004, 0.09, 0.15, 0.36, 0.5, 0.83, 1.0])
def test_ticks_of_per_cent_are_where_they_say(part: float) -> None:
    layer = FOUND.layers[0]
    dead = np.arange(1000) < 1000 * part
    with figures.drawing():
        figure = charts.dead([dataclasses.replace(layer, dead=dead)]).figure
        figure.canvas.draw()
    (axes,) = figure.axes
    ticks = axes.get_yticks()
    texts = [each.get_text() for each in axes.get_yticklabels()]
    assert 3 <= len(ticks) <= 9
    for place, text in zip(ticks, texts, strict=True):
        assert float(text.removesuffix(" %")) / 100 == pytest.approx(place, abs=1e-9)


def test_a_rounded_zero_has_no_sign() -> None:
    assert charts.decimals(-0.0049) == charts.decimals(np.float64(-1e-17)) == "0.00"
    assert charts.decimals(-0.0051) == "-0.01"
    assert page_text.correlation(-0.001) == "ρ = 0.00"


@pytest.mark.compat
def test_both_drawings_of_a_course_have_the_same_axis() -> None:
    cosine = [
        {**row, "learning_rate": 0.01 * (1 + math.cos(math.pi * n / 6)) / 2}
        for n, row in enumerate(ROWS)
    ]
    for rows in (ROWS, cosine):
        with figures.drawing():
            small = curves.charts_of(rows)["rate"].figure.axes[0]
            large = curves.draw(rows).axes[2]
        assert small.get_yscale() == large.get_yscale()
    assert small.get_yscale() == "linear"
