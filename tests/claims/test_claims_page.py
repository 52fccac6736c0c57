"""The page over all claims, as a parser of HTML finds it, and its directory."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import made_up_results
import pytest
from made_up_results import HOSTILE, comparison

from keras_alexnet.claims import drawing, page, report_directory, result, wording

RESULTS = made_up_results.all_results()
EMPTY = {"meta", "img", "br", "link", "input", "hr"}


class Parsed(HTMLParser):
    """The sections of a page: rows of their tables, texts; and all elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.tables: dict[str, list[list[list[str]]]] = {}
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self._section = ""
        self.feed(text)
        assert self._open == [], "all elements end"

    def handle_starttag(self, tag: str, attrs: list) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if tag not in EMPTY:
            self._open.append(tag)
        tables = self.tables.setdefault(self._section, [])
        if tag == "section":
            self._section = attributes["id"]
        elif tag == "table":
            tables.append([])
        elif tag == "tr":
            tables[-1].append([])
        elif tag in ("td", "th"):
            tables[-1][-1].append("")

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, "elements are nested"

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._section, []).append(data)
        if {"td", "th"} & set(self._open):
            self.tables[self._section][-1][-1][-1] += data

    def all(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag in tags]

    def said(self, section: str) -> str:
        return " ".join(" ".join(self.texts[section]).split())


@pytest.fixture(scope="module")
def html() -> str:
    return page.page(RESULTS)


@pytest.fixture(scope="module")
def parsed(html: str) -> Parsed:
    return Parsed(html)


def number(shown: str) -> float:
    """The first number of a cell, as JSON has it."""
    found = re.match(r"[+−]?[\d,.]+", shown)
    assert found is not None, shown
    return float(found[0].replace("−", "-").replace(",", "").replace("+", ""))


def near(shown: str, value: float | None) -> bool:
    """Whether a cell has the number of JSON: rounded, or said not to be known."""
    if value is None:
        return "not known" in shown or "∞" in shown
    digits = len(shown.split(" ")[0].partition(".")[2])
    return abs(number(shown) - value) <= 0.5000001 * 10**-digits


@pytest.mark.compat
def test_all_claims_are_in_the_table_in_the_order_of_the_paper(parsed: Parsed) -> None:
    (table,) = parsed.tables["all"]
    titles = [each.title for each in wording.in_order(RESULTS)]
    assert [row[0] for row in table[1:]] == titles
    assert titles[0] == "ReLU against tanh"
    assert titles[-1] == "What came later", "what is not in the paper is last"
    for row, each in zip(table[1:], wording.in_order(RESULTS), strict=True):
        content = json.loads(result.to_json(each))
        _, verdict, ours, interval, paper, section, form = row
        assert verdict.split()[-1] == content["verdict"]
        assert near(ours, content["ours"])
        if content["interval"][0] is not None:
            for shown, value in zip(
                interval.split(" to "), content["interval"], strict=True
            ):
                assert near(shown, value)
        figure = content["comparisons"][0]["paper"]
        assert near(paper, figure) if figure is not None else paper == content["paper"]
        assert (section, form) == (content["section"] or "–", content["form"])


@pytest.mark.compat
@pytest.mark.parametrize("each", RESULTS, ids=lambda each: each.name)
def test_the_numbers_of_a_claim_are_those_of_its_json(
    parsed: Parsed, each: result.Result
) -> None:
    content = json.loads(result.to_json(each))
    comparisons, arms, facts = parsed.tables[each.name]
    for row, own in zip(comparisons[1:], content["comparisons"], strict=True):
        question, verdict, ours, _, smallest, paper, size = row
        assert question == own["question"]
        assert verdict.split()[-1] == own["verdict"]
        assert near(ours, own["value"])
        assert near(smallest, own["smallest"])
        assert near(paper, own["paper"]) if own["paper"] is not None else paper == "–"
        assert number(size) == own["seeds"]
    for row, (name, arm) in zip(arms[1:], content["arms"].items(), strict=True):
        assert row[0] == name
        assert all(f"{k}: {v}" in row[1] for k, v in arm["differs"].items())
        assert number(row[2]) == arm["rate"]
        assert number(row[3]) == arm["parameters"]
        assert near(row[4], sum(arm["results"]) / len(arm["results"]))
        assert all(map(near, row[5].split(", "), arm["results"]))
        assert row[6].count(":") == len(arm["sweep"])
    assert [row[0] for row in facts] == list(content["facts"])
    said = parsed.said(each.name)
    for name in ("statement", "paper", "source", "setting", "caveats", "since"):
        assert content[name] in said
    for other in [*content["others"], content["command"], content["machine"]]:
        assert other in said
    assert wording.duration(content["time"]) in said


@pytest.mark.compat
def test_pictures_say_what_is_to_be_seen(parsed: Parsed) -> None:
    pictures = [each for each in parsed.all("svg") if each.get("role") == "img"]
    assert len(pictures) == 2 * len(RESULTS)
    labels = [each["aria-label"] for each in pictures]
    for chart, right, each in zip(
        labels[::2], labels[1::2], wording.in_order(RESULTS), strict=True
    ):
        assert each.chart.title in chart
        assert all(name in chart for name in wording.series_of(each.chart))
        for own in each.comparisons:
            assert f"{own.question}: {wording.answer(own)}, 95 % interval" in right
            assert own.verdict in right
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.compat
def test_nothing_is_loaded_and_links_lead_to_what_is_beside_it(
    html: str, parsed: Parsed
) -> None:
    ids = {attributes.get("id") for _, attributes in parsed.elements}
    files = {f"{each.name}.{kind}" for each in RESULTS for kind in ("json", "png")}
    for tag, attributes in parsed.elements:
        assert "style" not in attributes
        for name in ("src", "srcset", "action", "poster"):
            assert name not in attributes, tag
        target = attributes.get("href", "")
        assert not target or target in files or target[1:] in ids
    assert not parsed.all("script", "link", "iframe", "object")
    assert not re.search(r"https?://|//www|@import|url\((?!#)", html)
    (policy,) = (
        each["content"]
        for each in parsed.all("meta")
        if each.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "script-src" not in policy


def test_a_verdict_is_a_word_wherever_it_has_a_colour(parsed: Parsed) -> None:
    found = re.findall(
        r'<span class="badge (\w+)">(.) (\w+)</span>', page.page(RESULTS[:3])
    )
    assert len(found) > 9
    for kind, mark, word in found:
        assert kind == word
        assert mark == wording.MARKS[word]


def hostile() -> result.Result:
    own = comparison(HOSTILE, 1.0, 0.5, HOSTILE, verdict="seen")
    words = dict.fromkeys(
        ("title", "section", "statement", "paper", "source", "since", "setting"),
        HOSTILE,
    )
    words |= dict.fromkeys(("caveats", "data", "command", "machine", "form"), HOSTILE)
    arm = result.ArmResult(
        {HOSTILE: HOSTILE}, 0.1, {HOSTILE: 0.1}, 1, HOSTILE, [1.0], {}
    )
    chart = result.Chart(
        "lines", HOSTILE, (HOSTILE,), {HOSTILE: [1.0]}, HOSTILE, HOSTILE
    )
    return dataclasses.replace(
        made_up_results.result(
            HOSTILE, chart, (own, own), others=(HOSTILE,), facts={HOSTILE: 1.0}, **words
        ),
        arms={HOSTILE: arm},
    )


@pytest.mark.compat
def test_whatever_is_in_a_result_is_text() -> None:
    html = page.page([hostile()])
    parsed = Parsed(html)
    assert not parsed.all("script")
    assert "\u202e" not in html
    anchor = next(each for each in parsed.texts if "script" in each)
    assert re.fullmatch(r"[\w-]+", anchor)
    assert parsed.said(anchor).count("<script>alert(1)</script>") >= 14


def test_a_result_that_was_read_again_gives_the_same_page(tmp_path: Path) -> None:
    """Ends that are not finite are null in JSON."""
    again = []
    for each in RESULTS:
        (tmp_path / "one.json").write_text(result.to_json(each), encoding="utf-8")
        again.append(result.read(tmp_path / "one.json"))
    assert page.page(again) == page.page(RESULTS)
    assert drawing.png(again[1]) == drawing.png(RESULTS[1])
    assert math.isinf(RESULTS[1].comparisons[0].low)


@pytest.mark.compat
def test_a_report_keeps_other_claims_and_shows_them(tmp_path: Path) -> None:
    place = tmp_path / "new" / "report"
    first = report_directory.write(RESULTS[:2], place)
    assert first == place / "index.html"
    names = {each.name for each in RESULTS[:2]}
    files = {f"{name}.{kind}" for name in names for kind in ("json", "png")}
    assert {each.name for each in place.iterdir()} == files | {"index.html"}
    kept = {each: (place / each).read_bytes() for each in files}
    changed = dataclasses.replace(RESULTS[0], time=7200.0)
    report_directory.write([changed, RESULTS[2]], place)
    for name, content in kept.items():
        same = (place / name).read_bytes() == content
        assert same == (name != f"{changed.name}.json")
    text = (place / "index.html").read_text(encoding="utf-8")
    shown = Parsed(text)
    sections = {name for name in shown.tables if name in {e.name for e in RESULTS}}
    assert sections == {each.name for each in RESULTS[:3]}
    assert "2 h 0 min" in shown.said(changed.name)
    # The same results give the same bytes.
    report_directory.write([changed, RESULTS[2]], place)
    assert (place / "index.html").read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("index.html", "<html>a page of somebody else</html>"),
        ("notes.txt", "mine"),
        ("relu.json", "{}"),
        ("relu.json", '{"name": "relu", "comparisons": [], "arms": {}}'),
        ("relu.png", "a picture of mine"),
        ("other.json", result.to_json(RESULTS[0])),
        (".hidden", ""),
    ],
)
def test_nothing_of_others_is_overwritten(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="report must be a directory that is new") as e:
        report_directory.write([RESULTS[2]], tmp_path)
    assert name in str(e.value)
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text(encoding="utf-8") == content


def test_a_report_that_was_interrupted_is_written_again(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    report_directory.write(RESULTS[:2], whole)
    for path in sorted(whole.iterdir()):
        begun = tmp_path / "begun"
        shutil.copytree(whole, begun)
        if path.suffix == ".json":  # it is written before its picture
            (begun / path.with_suffix(".png").name).unlink()
            (begun / "index.html").unlink()
        (begun / path.name).unlink()
        report_directory.write(RESULTS[:2], begun)
        for each in whole.iterdir():
            assert (begun / each.name).read_bytes() == each.read_bytes()
        shutil.rmtree(begun)


def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    bad = dataclasses.replace(RESULTS[0], name="../relu")
    with pytest.raises(ValueError, match="name must be of small letters"):
        report_directory.write([bad], tmp_path / "report")
    assert not (tmp_path / "report").exists()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="report must be a directory"):
        report_directory.write([RESULTS[0]], tmp_path / "file")
