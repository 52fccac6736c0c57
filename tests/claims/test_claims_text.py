"""How claims are said: numbers in words, and lines of a terminal."""

from __future__ import annotations

import io
import math
import re

import made_up_results
import pytest
from made_up_results import comparison
from rich.cells import cell_len
from rich.console import Console

from keras_alexnet.claims import text, wording

RESULTS = made_up_results.all_results()
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def printed(width: int | None, *results: made_up_results.Result) -> list[str]:
    file = io.StringIO()
    console = (
        Console(file=file, width=width, force_terminal=True)
        if width
        else Console(file=file)
    )
    if len(results) == 1:
        text.say(console, results[0])
    else:
        text.say_all(console, results)
    return file.getvalue().splitlines()


def value(shown: str) -> float:
    return float(shown.replace("−", "-").replace("+", "").replace(",", ""))


@pytest.mark.compat
@pytest.mark.parametrize("size", [1e-5, 0.01, 0.3, 2.0, 41.0, 5000.0])
@pytest.mark.parametrize("half", [0.004, 0.1, 1.5])
@pytest.mark.parametrize("unit", ["points", "times"])
def test_numbers_are_those_of_the_result(size: float, half: float, unit: str) -> None:
    """To a twentieth of the interval's width, or of a whole where that is large."""
    own = comparison("a", size, half * size, unit)
    near = {"abs": max(0.06 * half * size, 0.5 if size >= 1000 else 1e-6)}
    answer, named = wording.answer(own).split(" ")
    assert named == unit
    assert value(answer) == pytest.approx(own.value, **near)
    low, high = wording.interval(own).split(" to ")
    assert [value(low), value(high)] == pytest.approx([own.low, own.high], **near)
    smallest, _ = wording.smallest(own).split(" ")
    assert value(smallest) == pytest.approx(own.smallest, **near)
    assert answer.startswith("+") == (unit == "points" and value(answer) != 0)


def test_an_answer_keeps_its_side_of_no_effect() -> None:
    """Digits are as many that an end near 0 is not said to be 0."""
    own = comparison("a", 1.0, 0.96)
    low, _ = wording.interval(own).split(" to ")
    assert own.verdict == "seen"
    assert value(low) > 0
    near = comparison("a", 0.401, 0.4)
    assert value(wording.interval(near).split(" to ")[0]) > 0


@pytest.mark.parametrize(
    ("low", "high", "seeds", "said"),
    [
        (-math.inf, math.inf, 1, "not known from one seed"),
        (math.nan, math.nan, 1, "not known from one seed"),
        (math.nan, math.nan, 5, "not known"),
        (-math.inf, 3.0, 2, "−∞ to +3.0"),
        (-1.0, math.nan, 2, "−1.0 to ∞"),
    ],
)
def test_what_an_interval_does_not_have_is_said(
    low: float, high: float, seeds: int, said: str
) -> None:
    own = comparison(
        "a", 2.0, 1.0, low=low, high=high, seeds=seeds, verdict="undecided"
    )
    assert wording.interval(own) == said


@pytest.mark.compat
@pytest.mark.parametrize("result", RESULTS, ids=lambda each: each.name)
def test_a_claim_fits_a_terminal_and_says_all(result: made_up_results.Result) -> None:
    lines = printed(80, result)
    assert max(map(cell_len, lines)) <= 80
    said = " ".join(" ".join(lines).split())
    for each in (result.statement, result.paper, result.verdict, result.name):
        assert each in said
    for own in result.comparisons:
        assert wording.answer(own) in said
    for own in result.comparisons[1:]:
        assert f"{own.question}: {wording.answer(own)}" in said
        assert said.count(own.question) >= 1
    # Elsewhere no line is broken, so that it can be searched.
    plain = printed(None, result)
    assert len(plain) == 5 + 1 + len(result.comparisons) - 1
    assert not any(ANSI.search(each) for each in plain)


@pytest.mark.compat
def test_the_table_of_all_is_in_the_order_of_the_paper() -> None:
    wide = printed(None, *RESULTS)
    sections = [line.split()[1] for line in wide[1:]]
    assert sections == ["3.1", "3.3", "4.1", "4.2", "5", "6.1", "–"]
    assert not any(ANSI.search(each) for each in wide)
    by_name = {each.name: each for each in RESULTS}
    for line in wide[1:]:
        result = by_name[line.split()[0]]
        own = result.comparisons[0]
        assert f" {result.verdict} " in line
        assert f"{wording.answer(own)}" in line
        assert wording.paper_figure(own) in line
    narrow = [ANSI.sub("", each) for each in printed(80, *RESULTS)]
    assert max(map(cell_len, narrow)) <= 80
    for result in RESULTS:
        assert any(result.name in each and result.verdict in each for each in narrow)


def test_what_controls_a_terminal_is_escaped() -> None:
    hostile = made_up_results.result(
        "a",
        RESULTS[0].chart,
        (comparison("q \x1b[2J \u202e", 1.0, 0.5),) * 2,
        title="\x1b]0;a\x07",
        statement="one\r\ntwo \x1b[31m",
    )
    for each in (printed(None, hostile), printed(None, hostile, hostile)):
        assert not re.search(r"[\x00-\x1f\u202e]", "".join(each))
