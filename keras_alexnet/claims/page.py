"""The page over all claims: one file of HTML, with its pictures and style in it."""

from __future__ import annotations

import collections
import importlib.resources
import re
from collections.abc import Sequence
from typing import Any

from keras_alexnet._version import __version__
from keras_alexnet.claims import charts, differences, wording
from keras_alexnet.claims.drawing import drawing
from keras_alexnet.claims.result import ArmResult, Comparison, Result
from keras_alexnet.html_page import rendered
from keras_alexnet.reasons import printable, shortened
from keras_alexnet.seeing import inline
from keras_alexnet.seeing import page as report
from keras_alexnet.seeing.figures import new_figure

# By it an earlier page is known.
GENERATOR = "keras-alexnet claims"
_WIDTH, _HEIGHT = 460, 350  # pixels of a chart: legible on a phone, too
_VERDICTS = {
    "seen": "the interval is on the claim’s side of no effect",
    "contradicted": "the interval is on the other side",
    "undecided": "no effect is within the interval: there is none, or one too small "
    "for this size",
}


def page(results: Sequence[Result]) -> str:
    """All claims as a page that needs no network.

    Args:
        results: What came of the claims; the page has them in the paper's order.

    Returns:
        HTML. Whatever is in the results is text there, never markup.

    Raises:
        ValueError: If a chart is of no known kind.
    """
    ordered = wording.in_order(results)
    with drawing():
        claims = [_claim(each) for each in ordered]
    counts = collections.Counter(each.verdict for each in ordered)
    return rendered(
        _part,
        "claims.html",
        style=report.part("report.css") + _part("claims.css"),
        filters={"said": said, "amount": wording.amount},
        claims=claims,
        verdicts=[(name, counts[name], text) for name, text in _VERDICTS.items()],
        marks=wording.MARKS,
        generator=GENERATOR,
        version=__version__,
    )


def said(text: str) -> str:
    """A text of a result as one line in which nothing is hidden.

    Example:

    >>> said("a\\u202eb")
    'a\\\\u202eb'
    """
    return shortened(printable(" ".join(text.split())), 4000)


def _part(name: str) -> str:
    folder = importlib.resources.files("keras_alexnet.claims") / "report"
    return (folder / name).read_text(encoding="utf-8")


def _claim(result: Result) -> dict[str, Any]:
    anchor = re.sub(r"\W+", "-", result.name)
    own = result.comparisons[0]
    return {
        "result": result,
        "anchor": anchor,
        "pictures": [_chart(result, anchor), _differences(result, anchor)],
        "own": _comparison(own),
        "comparisons": [_comparison(each) for each in result.comparisons],
        "arms": [_arm(name, arm) for name, arm in result.arms.items()],
        "swept": any(each.sweep for each in result.arms.values()),
        "facts": [(name, wording.amount(v)) for name, v in result.facts.items()],
        "time": wording.duration(result.time),
    }


def _chart(result: Result, anchor: str) -> str:
    figure = new_figure(_WIDTH, max(_HEIGHT, charts.height(result.chart)))
    figure.set_layout_engine("constrained")
    charts.draw_on(figure, result.chart)
    words = printable(wording.chart(result.chart))
    return inline.svg(figure, f"{anchor}-chart", words)


def _differences(result: Result, anchor: str) -> str:
    height = differences.height(result.comparisons, _WIDTH)
    figure = new_figure(_WIDTH, max(min(_HEIGHT, 1.35 * height), height))
    figure.set_layout_engine("constrained")
    differences.draw_on(figure, result.comparisons)
    words = printable(wording.differences(result.comparisons))
    return inline.svg(figure, f"{anchor}-differences", words)


def _comparison(own: Comparison) -> dict[str, str]:
    return {
        "question": own.question,
        "verdict": own.verdict,
        "answer": wording.answer(own),
        "interval": wording.interval(own),
        "smallest": wording.smallest(own),
        "paper": wording.paper_figure(own),
        "size": wording.size(own),
    }


def _arm(name: str, arm: ArmResult) -> dict[str, Any]:
    known = [each for each in arm.results if each is not None]
    named = wording.alike(known)
    mean = sum(known) / len(known) if known else None
    return {
        "name": name,
        "differs": ", ".join(f"{field}: {v}" for field, v in arm.differs.items()),
        "rate": "" if arm.rate is None else wording.amount(arm.rate),
        "parameters": wording.amount(arm.parameters),
        "results": ", ".join(map(named, known)),
        "mean": named(mean) if known else wording.UNKNOWN,
        "unit": arm.unit,
        "sweep": ", ".join(
            f"{rate}: {wording.amount(error)}" for rate, error in arm.sweep.items()
        ),
    }
