"""What came of claims, on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from keras_alexnet import terminal
from keras_alexnet.claims import wording
from keras_alexnet.claims.result import Comparison, Result
from keras_alexnet.reasons import printable

_COLOURS = {"seen": "green", "contradicted": "red", "undecided": ""}


def say(console: Console, result: Result) -> None:
    """Prints a claim and what came of it, within the width of a terminal."""
    for line in lines(result):
        terminal.say(console, line)


def lines(result: Result) -> list[str]:
    """The lines of a claim: two spaces or more are between fields.

    Args:
        result: What came of the claim.

    Returns:
        The statement; the paper; ours with its interval; the smallest effect that is
        seen; the verdict; and a line for each further comparison.
    """
    own = result.comparisons[0]
    section = f"section {result.section}" if result.section else "not in the paper"
    paper = [wording.paper_figure(own), result.paper]
    rows = [
        ("paper", "  ".join(filter(None, paper)) or "–"),
        ("ours", f"{_answer(own)}  {wording.size(own)}"),
        *([] if not own.seeds else [("smallest", _smallest(own))]),
        ("verdict", _verdict(own)),
        *(("also", _further(each)) for each in result.comparisons[1:]),
    ]
    heading = f"{result.name}  {section}  {result.form}"
    said = [f"  {name:<8}  {_flat(text)}" for name, text in rows]
    return [_flat(heading), f"  {_flat(result.statement)}", *said]


def _smallest(own: Comparison) -> str:
    return f"{wording.smallest(own)}, seen in 80 % of cases"


def say_all(console: Console, results: Sequence[Result]) -> None:
    """Prints a table of claims, in the order of the paper."""
    table = Table(box=None, pad_edge=False)
    for name in ("claim", "section", "verdict", "ours (95 % interval)", "the paper"):
        table.add_column(name, no_wrap=name == "verdict", overflow="fold")
    for each in wording.in_order(results):
        own = each.comparisons[0]
        table.add_row(
            Text(printable(each.name)),
            Text(printable(each.section or "–")),
            Text(_verdict(own), style=_COLOURS.get(own.verdict, "")),
            Text(_flat(_answer(own))),
            Text(_flat(wording.paper_figure(own) or "–")),
        )
    terminal.say_table(console, table)


def _answer(own: Comparison) -> str:
    ends = wording.short_interval(own)
    return f"{wording.answer(own)} ({ends})" if ends else wording.answer(own)


def _verdict(own: Comparison) -> str:
    return f"{wording.MARKS.get(own.verdict, ' ')} {printable(own.verdict)}"


def _further(own: Comparison) -> str:
    return f"{own.question}: {_answer(own)}, {own.verdict}"


def _flat(text: str) -> str:
    """Words of whatever spaces as fields of a line: single ones within, two between."""
    fields = text.split("  ")
    return "  ".join(filter(None, (" ".join(each.split()) for each in fields)))
