"""The page of a report: one file of HTML, with its pictures, style and script in it."""

from __future__ import annotations

import importlib.resources
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from keras_alexnet._version import __version__
from keras_alexnet.html_page import rendered
from keras_alexnet.inspection.findings import Findings
from keras_alexnet.seeing import (
    charts,
    drawings,
    first_look,
    inline,
    page_pictures,
    page_text,
)
from keras_alexnet.seeing.charts import Chart
from keras_alexnet.seeing.confusion import MOST_CLASSES
from keras_alexnet.seeing.page_pictures import PagePictures

_PAIRS = 20  # confused classes in the table, where there is no matrix
_SHADES = 5
_RUN = "run_"


def page(found: Findings, rows: Sequence[Mapping[str, Any]] = ()) -> str:
    """A report as a page that needs no network, at most 8 MB.

    It is of bounded size whatever the findings: of classes, units, pictures and models
    it shows so many, each as a picture of so many pixels.

    Args:
        found: The findings.
        rows: The lines of a run's `metrics.csv`; none for other models.

    Returns:
        HTML. Names of classes and files are text, never markup.
    """
    return rendered(
        part,
        "report.html",
        style=part("report.css"),
        script=part("report.js"),
        filters={
            "named": page_text.named,
            "percent": charts.percent,
            "counted": lambda number: f"{number:,}",
        },
        **_content(found, rows),
        version=__version__,
    )


def part(name: str) -> str:
    """The text of a part of the page, as `"report.css"`, which other pages have too."""
    folder = importlib.resources.files("keras_alexnet.seeing") / "report"
    return (folder / name).read_text(encoding="utf-8")


def _content(found: Findings, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    drawn = drawings.charts_of(found, rows)
    pictures = PagePictures(found)
    captions = page_text.captions(found)
    worst, worst_above = page_text.worst(found)
    content: dict[str, Any] = {
        "found": found,
        "towers": max((each.towers for each in found.colours), default=1),
        "sizes": page_text.sizes(found),
        "guessing": math.log(len(found.classes)),
        "first": first_look.first(found),
        "charts": {name: _inline(name, chart) for name, chart in drawn.items()},
        "captions": {name: captions.get(name, "") for name in drawn},
        "run_charts": [name for name in drawn if name.startswith(_RUN)],
        "kernel_size": page_text.kernel_size(found),
        "hero": page_pictures.hero(found),
        "kernel_scales": page_pictures.kernel_scales(found),
        "colour_layers": _colour_layers(found),
        "split_rows": page_text.split_rows(found),
        "split_sentence": page_text.split_sentence(found),
        "sign_free": page_text.sign_free(found),
        "alike": page_text.alike(found),
        "compared": page_pictures.compared(found),
        "verdicts": {True: "right", False: "wrong", None: ""},
        "answers": [pictures.answered(each) for each in found.examples],
        "worst": [pictures.answered(each) for each in worst],
        "chosen": page_text.chosen(found),
        "worst_above": worst_above,
        "excited_by_none": page_text.excited_by_none(found),
        "retrieval": found.retrieval,
        "neighbours": pictures.neighbours(),
        "example": pictures.answered(found.example),
        "layers": [pictures.layer(each) for each in found.layers],
        "attributions": [pictures.attribution(each) for each in found.attributions],
        "matrix": _matrix(found),
        "pairs": page_text.pairs(found, _PAIRS),
        "notes": [page_text.named(each, 300) for each in found.notes],
    }
    content["known"] = _data_block(pictures, found)
    contents = page_text.contents(content)
    return {**content, "contents": contents, "titles": dict(contents)}


def _inline(name: str, chart: Chart) -> dict[str, str]:
    return {"svg": inline.svg(chart.figure, name, chart.text, chart.points)}


def _data_block(pictures: PagePictures, found: Findings) -> Any:
    """What the script shows of pictures and units, as JSON that is safe in HTML."""
    from markupsafe import Markup

    known = {"pictures": pictures.known, "units": page_text.units(found)}
    text = json.dumps(known, ensure_ascii=True)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # no sign of markup is left


def _colour_layers(found: Findings) -> list[dict[str, Any]]:
    return [
        {
            "name": each.layer,
            "charts": [f"figure3_{value}_{each.layer}" for value in drawings.VALUES],
        }
        for each in found.colours
    ]


def _matrix(found: Findings) -> dict[str, Any] | None:
    """The confusion matrix, if it is small enough to be read."""
    if not drawings.in_order(found) or len(found.classes) > MOST_CLASSES:
        return None
    if not found.confused:
        return None
    counts = drawings.confusion_of(found).matrix(len(found.classes))
    names = [page_text.named(each, 24) for each in found.classes]
    return {
        "names": names,
        "rows": [
            {
                "name": name,
                "cells": [
                    {"count": int(n), "shade": -(-int(n) * _SHADES // max(sum(row), 1))}
                    for n in row
                ],
            }
            for name, row in zip(names, counts.tolist(), strict=True)
        ],
    }
