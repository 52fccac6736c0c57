"""How numbers and answers are said: the same in a picture, on a page, on a terminal."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence

from keras_alexnet.claims.result import Chart, Comparison, Result

# Beside the word: a verdict must be seen without its colour too.
MARKS = {"seen": "●", "contradicted": "✕", "undecided": "○"}
UNKNOWN = "not known"
_MINUS = "−"
_SEED = re.compile(r"(.+) #\d+")
_KINDS = {
    "lines": "a line for each of",
    "bars": "bars of",
    "strips": "a row of points for each of",
    "heat": "a row of cells for each of",
}
_FEW = 8  # series of a chart that are said one by one


def answer(own: Comparison) -> str:
    """The answer to a comparison, with its unit; a bound is said to be one.

    Example:

    >>> answer(Comparison("a against b", "points", 1.84, 0.4, 3.2, 2, 0, "seen", 5, 8))
    '+1.8 points'
    """
    bound = f"{own.bound} " if own.bound and math.isfinite(own.value) else ""
    return bound + _with_unit(end(own, own.value), own.unit)


def end(own: Comparison, value: float) -> str:
    """A value of a comparison, as exact as its interval; signed if 0 is no effect.

    Example:

    >>> own = Comparison("a against b", "times", 6.3, 5.94, 6.66, 1, 1, "seen", 3, 0)
    >>> end(own, 5.94), end(own, float("nan"))
    ('5.94', 'not known')
    """
    if not math.isfinite(value):
        return UNKNOWN
    return _number(value, _digits(own), "+" if own.level == 0 else "")


def interval(own: Comparison) -> str:
    """The 95 % interval, as `"+0.4 to +3.2"`; what one seed does not give is said."""
    known = [math.isfinite(each) for each in (own.low, own.high)]
    if not any(known):
        return f"{UNKNOWN} from one seed" if own.seeds == 1 else UNKNOWN
    low = end(own, own.low) if known[0] else f"{_MINUS}∞"
    high = end(own, own.high) if known[1] else "∞"
    return f"{low} to {high}"


def short_interval(own: Comparison) -> str:
    """The interval behind its answer; of what is not known, `"one seed"` or nothing."""
    ends = interval(own)
    if UNKNOWN not in ends:
        return ends
    return "one seed" if own.seeds == 1 and math.isfinite(own.value) else ""


def smallest(own: Comparison) -> str:
    """The smallest effect that this size shows: the distance from no effect."""
    if not math.isfinite(own.smallest):
        return UNKNOWN
    return _with_unit(_number(own.smallest, _digits(own)), own.unit)


def paper_figure(own: Comparison) -> str:
    """The paper's figure with its unit; empty if it has none."""
    if own.paper is None or not math.isfinite(own.paper):
        return ""
    sign = "+" if own.level == 0 else ""
    return _with_unit(f"{own.paper:{sign},.6g}".replace("-", _MINUS), own.unit)


def size(own: Comparison) -> str:
    """On how many seeds and pictures an answer rests."""
    if not own.seeds:  # its interval is a range, not one of chance
        return "by arithmetic"
    seeds = "1 seed" if own.seeds == 1 else f"{own.seeds} seeds"
    return f"{seeds}, {own.pictures:,} pictures" if own.pictures else seeds


def sentence(own: Comparison) -> str:
    """A comparison in words, with all its numbers."""
    paper = paper_figure(own)
    kind = "95 % interval" if own.seeds else "range"
    return (
        f"{own.question}: {answer(own)}, {kind} {interval(own)}"
        + (f", the paper {paper}" if paper else "")
        + f", {own.verdict}"
    )


def differences(comparisons: Sequence[Comparison]) -> str:
    """The picture of comparisons in words, for those who do not see it."""
    rows = "; ".join(map(sentence, comparisons))
    levels = {(each.unit, each.level) for each in comparisons}
    none = ", ".join(_with_unit(f"{level:g}", unit) for unit, level in sorted(levels))
    return f"Points with their 95 % intervals about no effect, {none}. {rows}."


def chart(own: Chart) -> str:
    """A claim's own chart in words, with the course of each series."""
    names = series_of(own)
    parts = []
    for name, seeds in list(names.items())[:_FEW]:
        known = [v for v in own.series[seeds[0]] if v is not None and math.isfinite(v)]
        parts.append(f"{name} {_course(own.kind, known)}" + _further(seeds))
    more = len(names) - len(parts)
    also = [f"and {more} more"] if more > 0 else []
    along = f" over {own.x_label}" if own.x_label and own.kind != "strips" else ""
    return (
        f"{own.title}. {own.y_label}{along}: {_KINDS.get(own.kind, 'drawn are')} "
        + "; ".join([*parts, *also])
        + "."
    )


def picture(result: Result) -> str:
    """The whole picture of a claim in words."""
    right = differences(result.comparisons)
    return (
        f"{result.title}: {result.verdict}. Left: {chart(result.chart)} Right: {right}"
    )


def series_of(own: Chart) -> dict[str, list[str]]:
    """The series of each name: `"NAME"` itself, then its further seeds.

    Example:

    >>> lines = {"ReLU": [0.9, 0.2], "tanh": [0.9, 0.5], "ReLU #2": [0.9, 0.3]}
    >>> series_of(Chart("lines", "Error", (1, 2), lines, "epoch", "error"))
    {'ReLU': ['ReLU', 'ReLU #2'], 'tanh': ['tanh']}
    """
    found: dict[str, list[str]] = {}
    for name in own.series:
        further = _SEED.fullmatch(name)
        found.setdefault(further[1] if further else name, []).append(name)
    return found


def amount(value: float | None) -> str:
    """A number by itself: counts whole, others with three or four digits.

    Example:

    >>> amount(60965224), amount(0.00123), amount(-2.5), amount(None)
    ('60,965,224', '0.00123', '−2.5', 'not known')
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", _MINUS)
    shown = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return shown.replace("-", _MINUS)


def alike(values: Sequence[float | None]) -> Callable[[float | None], str]:
    """How numbers beside each other are said: with as many digits after the point.

    Example:

    >>> said = alike([82.5, 71.0, None])
    >>> said(71.0), said(None)
    ('71.0', '–')
    """
    known = [abs(v) for v in values if v is not None and math.isfinite(v) and v != 0]
    digits = None
    if known and max(known) < 1000 * min(known):
        most = max(2 - math.floor(math.log10(max(known))), 0)
        needed = [len(f"{v:.{most}f}".rstrip("0").partition(".")[2]) for v in known]
        digits = max(needed)

    def said(value: float | None) -> str:
        if value is None or not math.isfinite(value):
            return "–"
        return amount(value) if digits is None else _number(value, digits)

    return said


def duration(seconds: float) -> str:
    """A time in its two largest units.

    Example:

    >>> duration(42), duration(3700), duration(200_000)
    ('42 s', '1 h 2 min', '2 d 8 h')
    """
    if not math.isfinite(seconds):
        return UNKNOWN
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days} d {hours} h"


def in_order(results: Iterable[Result]) -> list[Result]:
    """Results in the order of the paper's sections; last what it does not say."""
    return sorted(results, key=lambda each: (_place(each.section), each.name))


def _place(section: str) -> tuple[float, ...]:
    numbers = re.findall(r"\d+", section)
    return tuple(map(float, numbers)) or (math.inf,)


def _course(kind: str, known: Sequence[float]) -> str:
    if not known:
        return "without a value"
    if kind == "lines":
        return f"from {amount(known[0])} to {amount(known[-1])}"
    if kind == "strips":
        middle = sorted(known)[len(known) // 2]
        ends = f"{amount(min(known))} to {amount(max(known))}"
        return f"{ends}, median {amount(middle)}"
    return ", ".join(map(amount, known[:_FEW])) + (" …" if len(known) > _FEW else "")


def _further(seeds: Sequence[str]) -> str:
    return f" ({len(seeds)} seeds, the first is said)" if len(seeds) > 1 else ""


def _digits(own: Comparison) -> int:
    """Digits after the point, of which the interval's width shows two or so.

    An end beside no effect has up to two more: it is not said to be there.
    """
    width = own.high - own.low
    if not math.isfinite(width) or width <= 0:
        width = abs(own.value - own.level) / 2
    if not math.isfinite(width) or width <= 0:
        return 1
    digits = min(max(1 - math.floor(math.log10(width)), 1), 6)
    beside = [end for end in (own.low, own.high) if math.isfinite(end)]
    for more in range(2):
        if all(round(end - own.level, digits + more) for end in beside):
            return digits + more
    return digits + 2 if 0 not in (end - own.level for end in beside) else digits


def _number(value: float, digits: int, sign: str = "") -> str:
    digits = 0 if abs(value) >= 1000 else digits
    rounded = round(value, digits) + 0.0  # −0.0 + 0.0 is 0.0
    return f"{rounded:{sign if rounded else ''},.{digits}f}".replace("-", _MINUS)


def _with_unit(number: str, unit: str) -> str:
    return number if number == UNKNOWN or not unit else f"{number} {unit}"
