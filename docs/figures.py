"""Fills in and checks the figures of the pages on reading the paper.

    python docs/figures.py            # writes them into both pages
    python docs/figures.py --check    # says what is wrong, and changes nothing

A figure is between two comments, which no viewer of Markdown shows:

    `<!--anatomy.paper.totals.neurons-->659,272<!---->`

The first one says what it is: a path, and after colons how it is shown (`FORMATS`). A
path begins with

- the name of a claim, and continues in the `Result` of `claims/NAME.json`;
- `anatomy`, then a variant (or `ungrouped`: the paper's without groups), and continues
  in `keras_alexnet.anatomy(variant)`;
- `stated`, then a name of `stated_figures.json`: what others state, with its source.

The words around them, in both languages, are in `figure_words.json`.

`.name` is a member, `[2]` an element, `[conv1]` that of this name, layer or question,
`[*]` all of them, and `a / b` a ratio. Both pages have the same figures in the same
order; no other numbers are in them (`tests/test_reading_the_paper.py`). A paragraph is
one line: on GitHub a line that begins with a comment is HTML.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras_alexnet
from keras_alexnet.claims import registry, result, wording
from keras_alexnet.claims.result import Comparison, Result

DOCS = Path(__file__).resolve().parent
PAGES = {"en": "reading-the-paper.md", "zh": "reading-the-paper.zh.md"}
MARKER = re.compile(r"<!--(?!-->)(?P<what>[^<>]+?)-->(?P<shown>.*?)<!---->", re.DOTALL)
# A language's words around figures: sentences with places for them.
Words = dict[str, Any]
WORDS: dict[str, Words] = json.loads((DOCS / "figure_words.json").read_text("utf-8"))
# What following a path that leads nowhere raises.
_NOTHING = (KeyError, IndexError, AttributeError, TypeError, StopIteration)


class NotRun(Exception):
    """The claim has no result yet."""


class Figures:
    """What the figures are read from.

    Args:
        claims: The directory of `NAME.json` and `NAME.png`.
    """

    def __init__(self, claims: Path) -> None:
        self.claims = claims
        self._stated = json.loads((DOCS / "stated_figures.json").read_text("utf-8"))

    def filled(self, text: str, language: str) -> str:
        """A page with all its figures as they are.

        Raises:
            ValueError: If a marker names nothing.
        """

        def fill(match: re.Match[str]) -> str:
            return f"<!--{match['what']}-->{self.shown(match['what'], language)}<!---->"

        return MARKER.sub(fill, text)

    def shown(self, what: str, language: str) -> str:
        """What a marker shows.

        Raises:
            ValueError: If it names nothing.
        """
        words = WORDS[language]
        path, *formats = what.split(":")
        unknown = set(formats) - set(FORMATS)
        if unknown:
            raise ValueError(f"no such format: {', '.join(sorted(unknown))} in {what}")
        try:
            value: Any = self._quotient(path)
            if formats[-1:] == ["picture"]:
                return self._picture(value.name, words)
            for each in formats or ["plain"]:
                value = FORMATS[each](value, words)
        except NotRun:
            return "" if formats[-1:] == ["picture"] else words["not_run"]
        except _NOTHING as error:
            raise ValueError(
                f"names nothing: {what} ({type(error).__name__}: {error})"
            ) from None
        return value if isinstance(value, str) else _plain(value, words)

    def _quotient(self, path: str) -> Any:
        parts = [self._value(each.strip()) for each in path.split(" / ")]
        return parts[0] if len(parts) == 1 else parts[0] / parts[1]

    def _value(self, path: str) -> Any:
        root, _, rest = path.partition(".")
        if root == "stated":
            return self._stated[rest]["value"]
        if root == "anatomy":
            variant, _, rest = rest.partition(".")
            return _member(_anatomy(variant), rest)
        if root not in registry.names():
            raise KeyError(root)
        file = self.claims / f"{root}.json"
        if not file.is_file():
            raise NotRun(root)
        return _member(result.read(file), rest)

    def _picture(self, name: str, words: Words) -> str:
        if not (self.claims / f"{name}.png").is_file():
            return ""
        return f"<br>![{words['picture'].format(name)}](../claims/{name}.png)"


def _anatomy(variant: str) -> Any:
    if variant != "ungrouped":
        return keras_alexnet.anatomy(variant)
    paper = keras_alexnet.architectures.get("paper")
    whole = (dataclasses.replace(each, groups=1) for each in paper.convolutions)
    return keras_alexnet.anatomy(
        dataclasses.replace(paper, name=variant, convolutions=tuple(whole))
    )


def _member(value: Any, path: str) -> Any:
    for name, key in re.findall(r"(\w+)|\[([^\]]+)\]", path):
        if isinstance(value, _All):
            value = _All(_one(each, name, key) for each in value)
        else:
            value = _one(value, name, key)
    return value


class _All(list):
    """Elements, each of which is followed."""


def _one(value: Any, name: str, key: str) -> Any:
    if name:
        return value[name] if isinstance(value, dict) else getattr(value, name)
    if key == "*":
        return _All(value)
    if key.isdigit():
        return value[int(key)]
    return next(each for each in value if key in _names(each))


def _names(value: Any) -> set[Any]:
    """What an element of a list is called."""
    held = value if isinstance(value, dict) else vars(value)
    return {held.get(each) for each in ("name", "question", "layer")}


# How a value is shown.


def _plain(value: Any, words: Words) -> str:
    if value is None:
        return words["no_number"]
    if isinstance(value, str):
        return value
    return words["no_number"] if math.isnan(value) else wording.amount(value)


def _answer(own: Comparison, words: Words) -> str:
    """A comparison: question, verdict, value, and in brackets what that rests on."""
    parts = [_interval(own, words)]
    if own.paper is not None:
        bare = dataclasses.replace(own, unit="")
        parts.append(words["paper"].format(wording.paper_figure(bare)))
    if own.seeds:
        parts.append(words["seed" if own.seeds == 1 else "seeds"].format(own.seeds))
    if own.pictures:
        parts.append(words["pictures"].format(f"{own.pictures:,}"))
    value = words["no_number"]
    if math.isfinite(own.value):
        value = words["units"].get(own.unit, f"{{}} {own.unit}")
        value = value.format(wording.end(own, own.value))
        value = words["bounds"][own.bound].format(value)
    return words["answer"].format(
        words["questions"].get(own.question, own.question),
        words["verdicts"][own.verdict],
        value,
        words["between"].join(parts),
    )


def _interval(own: Comparison, words: Words) -> str:
    """An end that is not known may be anywhere; without both there is no interval.

    Without seeds nothing was left to chance: it is a range of what is assumed.
    """
    if not math.isfinite(own.low) and not math.isfinite(own.high):
        return words["no_interval"]
    return words["interval" if own.seeds else "range"].format(
        *(
            wording.end(own, end) if math.isfinite(end) else beyond
            for end, beyond in ((own.low, "−∞"), (own.high, "∞"))
        )
    )


def _result(claim: Result, words: Words) -> str:
    """How a claim was run, and its comparisons, a line each."""
    time = wording.duration(claim.time)
    for short, unit in words["times"].items():
        time = re.sub(rf"\b{short}\b", unit, time)
    run = words["run"].format(words["forms"][claim.form], time)
    return "<br>".join([run, *(_answer(each, words) for each in claim.comparisons)])


FORMATS: dict[str, Callable[[Any, Words], Any]] = {
    "plain": _plain,
    "percent": lambda value, words: words["percent"].format(100 * value),
    "million": lambda value, words: words["millions"].format(value / words["million"]),
    "gigabytes": lambda value, words: f"{value / 1e9:.2f} GB",
    "ln": lambda value, words: f"{math.log(value):.1f}",
    "sum": lambda value, words: sum(value),
    "answer": _answer,
    "result": _result,
    "picture": lambda value, words: value,  # needs the directory: Figures._picture
}


def problems(texts: dict[str, str], figures: Figures) -> Iterator[str]:
    """What is wrong with the pages, in a line each."""
    for language, text in texts.items():
        page = PAGES[language]
        for match in MARKER.finditer(text):
            place = f"{page}:{text.count(chr(10), 0, match.start()) + 1}"
            try:
                right = figures.shown(match["what"], language)
            except ValueError as error:
                yield f"{place}: {error}"
                continue
            if match["shown"] != right:
                shown = match["shown"]
                yield f"{place}: {match['what']} is {right!r}, not {shown!r}"
    named = [[m["what"] for m in MARKER.finditer(text)] for text in texts.values()]
    for first, second in zip(*named, strict=False):
        if first != second:
            yield f"the pages part ways: {first} in one, {second} in the other"
            return
    if len({len(each) for each in named}) > 1:
        yield "one of the pages has more figures than the other"


def untranslated(claims: Path) -> Iterator[str]:
    """The questions and units of results without Chinese in `figure_words.json`."""
    words = WORDS["zh"]
    for file in sorted(claims.glob("*.json")):
        for own in result.read(file).comparisons:
            for kind, text in (("questions", own.question), ("units", own.unit)):
                if text not in words[kind]:
                    yield f"figure_words.json: no Chinese for {text!r}"


def main() -> int:
    """Fills in both pages, or checks them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument(
        "--claims",
        type=Path,
        default=DOCS.parent / "claims",
        help="the directory of NAME.json and NAME.png",
    )
    given = parser.parse_args()
    figures = Figures(given.claims)
    texts = {key: (DOCS / name).read_text("utf-8") for key, name in PAGES.items()}
    if not given.check:
        for language, text in texts.items():
            try:
                texts[language] = figures.filled(text, language)
            except ValueError as error:
                print(f"{PAGES[language]}: {error}", file=sys.stderr)
                return 2
            (DOCS / PAGES[language]).write_text(texts[language], "utf-8")
    found = [*problems(texts, figures), *untranslated(given.claims)]
    print(*found, sep="\n", file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
