"""The page of a report, as a parser of HTML finds it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import itertools
import json
import re
from html.parser import HTMLParser

import made_up_findings
import numpy as np
import pytest
from made_up_findings import SCRIPT, findings, without

from keras_alexnet.inspection.findings import Findings
from keras_alexnet.seeing import figures, page

ROWS = [
    {
        "epoch": str(epoch),
        "loss": str(2.0 / epoch),
        "val_loss": str(2.2 / epoch),
        "top1": str(1 - 0.8 / epoch),
        "val_top1": str(1 - 0.9 / epoch),
        "learning_rate": "0.01",
        "images_per_second": "160",
    }
    for epoch in range(1, 6)
]
# Elements without an end, as HTML has them.
_EMPTY = {"meta", "img", "br", "link", "input", "hr"}


class Parsed(HTMLParser):
    """The elements of a page: names, attributes, and the text of each kind."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)
        assert self._open == [], "all elements end"

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, "elements are nested"

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.setdefault(self._open[-1], []).append(data)

    def all(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


def made(found: Findings, rows: list = ROWS) -> str:
    with figures.drawing():
        return page.page(found, rows)


@pytest.fixture(scope="module")
def html() -> str:
    return made(findings(compared=2))


@pytest.fixture(scope="module")
def parsed(html: str) -> Parsed:
    return Parsed(html)


@pytest.mark.compat
def test_every_picture_says_what_is_seen(parsed: Parsed) -> None:
    pictures = parsed.all("img")
    assert len(pictures) > 300
    # The script fills the other one.
    shown = [each for each in pictures if each.get("id") != "whole-unit"]
    assert all(len(each["alt"]) > 8 for each in shown)
    kernels = [a["alt"] for a in shown if "kernel conv1:5," in a["alt"]]
    assert len(kernels) == 2  # in both scales
    assert all(re.search(r"colourfulness \d\.\d\d", each) for each in kernels)
    charts = [each for each in parsed.all("svg") if each.get("role") == "img"]
    assert len(charts) == 12
    assert all(re.search(r"\d", each["aria-label"]) for each in charts)


@pytest.mark.compat
def test_nothing_leads_out_of_the_page(html: str, parsed: Parsed) -> None:
    for _, attributes in parsed.elements:
        for name in ("src", "href", "xlink:href", "action", "srcset", "poster"):
            assert re.match(r"#|data:image/(png|jpeg);|$", attributes.get(name, ""))
    assert not re.search(r"https?://|//www|@import|url\((?!#)", html)


@pytest.mark.compat
def test_the_policy_admits_the_style_and_the_script_of_the_page_alone(
    parsed: Parsed,
) -> None:
    (policy,) = (
        each["content"]
        for each in parsed.all("meta")
        if each.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "unsafe" not in policy
    (style,) = parsed.texts["style"]
    data, script = parsed.texts["script"]
    assert [each.get("type") for each in parsed.all("script")] == [
        "application/json",
        None,
    ]
    json.loads(data)
    for kind, text in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"
    handlers = {name for _, each in parsed.elements for name in each}
    assert not {name for name in handlers if name == "style" or name.startswith("on")}


@pytest.mark.compat
def test_ids_are_unique_and_links_lead_somewhere(parsed: Parsed) -> None:
    ids = [each["id"] for _, each in parsed.elements if "id" in each]
    assert len(ids) == len(set(ids))
    for each in parsed.all("a", "use"):
        assert each["href"].removeprefix("#") in ids


@pytest.mark.compat
def test_headings_are_in_order(parsed: Parsed) -> None:
    levels = [int(tag[1]) for tag, _ in parsed.elements if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


@pytest.mark.compat
def test_names_are_text(html: str, parsed: Parsed) -> None:
    assert SCRIPT not in html.replace("&lt;", "<<").replace("\\u003c", "<<")
    texts = "".join(parsed.texts["bdi"])
    assert SCRIPT in texts
    assert "蓝色的花" in texts
    assert '"quoted" & so' in texts
    assert "\u202e" not in html
    assert "\\u202eright" in html
    assert "x" * 41 not in html


@pytest.mark.compat
def test_numbers_are_those_that_were_found(html: str) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))
    assert "90.4 %" in text
    assert "99.1 %" in text
    assert "fc7 81.2 % 16.7 % 500 2,000" in text
    assert "pixels 31.0 % 16.7 % 500 2,000" in text
    found = made_up_findings.findings(compared=2).colours[0].splits["colourfulness"]
    assert f"conv1 colourfulness {found.area:.3f} &lt; 0.001 0.39 to 0.61" in text


@pytest.mark.compat
@pytest.mark.parametrize(
    ("changes", "absent"),
    [
        ({"examples": (), "worst": ()}, "figure-4"),
        ({"retrieval": ()}, "neighbours"),
        ({"layers": ()}, "layers"),
        ({"attributions": ()}, "maps"),
        ({"confused": (), "reliability": None}, "run"),
        ({"colours": (), "compared": ()}, "figure-3"),
        ({"outputs": None, "accuracy": float("nan"), "loss": float("nan")}, ""),
    ],
)
def test_what_was_not_found_is_left_out(changes: dict, absent: str) -> None:
    html = made(without(findings(), **changes), [])
    parsed = Parsed(html)
    ids = {each.get("id") for _, each in parsed.elements}
    assert absent not in ids
    assert all(each["href"][1:] in ids for each in parsed.all("a"))
    assert ">nan" not in html


def test_the_same_findings_give_the_same_page(html: str) -> None:
    assert made(findings(compared=2)) == html


def test_the_largest_page_is_below_8_mb() -> None:
    found = findings(
        1000, side=224, towers=2, compared=24, units=40, conv1=512, pictures=1500
    )
    html = made(found, ROWS * 100)
    Parsed(html)
    assert 2e6 < len(html.encode()) < 8e6


def words(html: str) -> str:
    body = html.partition("<header>")[2].partition('<aside id="inspector"')[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


@pytest.mark.compat
@pytest.mark.parametrize("compared", [0, 1])
def test_one_tower_is_not_divided(compared: int) -> None:
    text = words(made(findings(towers=1, compared=compared)))
    assert "This network has one tower" in text
    for absent in ("Do the towers differ", "area", "tower 2", "Which tower takes"):
        assert absent not in text
    both = findings(compared=1)
    one = findings(towers=1, compared=1).compared
    text = words(made(without(both, compared=(*both.compared, *one))))
    assert "its halves, a control: area" in text
    assert "Orange: those compared. Hollow: those compared of one tower" in text
    assert "Blue: this model. Grey: random halves." in words(made(findings()))


def test_kernels_of_noise_are_named_so() -> None:
    found = findings(towers=1)
    assert "still look like the random start" not in words(made(found))
    noise = np.random.default_rng(0).normal(size=(11, 11, 3, 96))
    first = dataclasses.replace(found.colours[0], kernels=noise.astype(np.float32))
    changed = without(found, colours=(first, found.colours[1]))
    assert "conv1 still look like the random start" in words(made(changed))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ([(0, 1, 3), (1, 0, 2)], "It most often takes “"),
        ([(0, 1, 1), (1, 0, 1)], "No two classes are confused more than once."),
        ([(0, 1, 4), (1, 2, 4)], "No two classes are confused more than 4 times."),
        ([(0, 1, 1)], "once: its only mistake."),
    ],
)
def test_most_often_is_more_often_than_any_other(wrong: list, sentence: str) -> None:
    confused = ((0, 0, 9), *wrong)
    assert sentence in words(made(without(findings(), confused=confused)))


def test_chosen_pictures_are_said_to_be_and_none_is_shown_twice() -> None:
    found = findings()
    wrong = sum(n for label, output, n in found.confused if label != output)
    text = words(made(found))
    assert f"of 180 right answers 5 and of {wrong} wrong answers 3 are shown" in text
    # All of the worst are among the examples here.
    assert "The worst: those" not in text
    other = without(found, worst=(*found.worst, findings().example))
    fewer = without(other, examples=found.examples[3:])
    assert "2 of the 4 worst are shown above." in words(made(fewer))


def test_dead_says_on_which_pictures() -> None:
    text = words(made(findings()))
    assert "none of the 500 validation pictures excites" in text
    assert "does nothing" not in text


def test_a_model_compared_may_have_seen_the_pictures() -> None:
    found = findings(compared=1)
    (other,) = found.compared
    noted = dataclasses.replace(other, note="it may have seen them")
    text = words(made(without(found, compared=(noted,))))
    assert "90.0 % right (it may have seen them);" in text
