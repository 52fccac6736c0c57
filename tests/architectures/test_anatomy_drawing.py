"""The drawing: it is whole, everything is in it and within it, and can be read."""

from __future__ import annotations

import dataclasses
import itertools
import re
from xml.etree import ElementTree

import pytest

from keras_alexnet import anatomy, architectures
from keras_alexnet.two_towers.choosing import with_towers

SVG = "{http://www.w3.org/2000/svg}"
# Width of a character in DejaVu Sans, a wide typeface, in the font's size.
BOLD, PLAIN = 0.68, 0.61
FOUR = with_towers(architectures.get("paper"), 4)
NAMED = dataclasses.replace(FOUR, name="<b> & a name")
CASES = {
    **{name: (name, None) for name in architectures.names()},
    "averaged": ("owt", 320),
    "small": ("paper", 64),
    "large": ("paper", 1500),
    "four towers": (NAMED, None),
}


def drawn(case: str) -> ElementTree.Element:
    variant, side = CASES[case]
    return ElementTree.fromstring(anatomy(variant, side).to_svg())


def texts(root: ElementTree.Element) -> list[ElementTree.Element]:
    return root.findall(f"{SVG}text")


def rules(case: str = "paper") -> list[tuple[str, str]]:
    style = drawn(case).find(f"{SVG}style").text
    narrow = style.index("@media (max-width")
    return re.findall(r"([^{}]+)\{([^{}]*)\}", style[:narrow])


def font_size(kinds: list[str]) -> float:
    """Of a text of these classes, as the style sheet has it."""
    size = 13.0
    for selectors, body in rules():
        found = re.search(r"font-size:(\d+)px", body)
        if found and {s.strip() for s in selectors.split(",")} & {
            f".{k}" for k in kinds
        }:
            size = float(found[1])
    return size


def extent(each: ElementTree.Element) -> tuple[float, float]:
    """Where a text begins and ends."""
    kinds = each.get("class").split()
    bold = {"name", "head", "crossing"} & set(kinds)
    long = (BOLD if bold else PLAIN) * font_size(kinds) * len(each.text)
    x = float(each.get("x"))
    start = x if "start" in kinds else x - long if "end" in kinds else x - long / 2
    return start, start + long


@pytest.mark.parametrize("case", CASES)
def test_every_layer_is_named_and_its_maps_are_given(case: str) -> None:
    variant, side = CASES[case]
    found = anatomy(variant, side)
    words = [each.text for each in texts(drawn(case))]
    for layer in found.steps:
        assert layer.name in words
        sizes = [
            f"{share.maps}"
            if layer.side == 1
            else f"{layer.side}×{layer.side}×{share.maps}"
            for share in layer.shares
            if share.maps
        ]
        assert set(sizes) <= set(words)
    assert found.architecture.name in words
    root = drawn(case)
    assert root.find(f"{SVG}title").text
    for layer in found.steps:
        assert f"{layer.name}: " in root.find(f"{SVG}desc").text


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_outside(case: str) -> None:
    root = drawn(case)
    _, _, width, height = map(float, root.get("viewBox").split())
    for each in texts(root):
        start, end = extent(each)
        assert start >= 0, each.text
        assert end <= width, each.text
        size, y = font_size(each.get("class").split()), float(each.get("y"))
        assert size <= y <= height - 0.3 * size, each.text
    for each in root.findall(f"{SVG}rect"):
        assert float(each.get("y", 0)) + float(each.get("height")) <= height
    points = [p.get("points") for p in root.findall(f"{SVG}polygon")]
    for x, y in re.findall(r"([-\d.]+),([-\d.]+)", " ".join(points)):
        assert 0 <= float(x) <= width
        assert 0 <= float(y) <= height


@pytest.mark.parametrize("case", CASES)
def test_texts_of_a_line_do_not_overlap(case: str) -> None:
    lines: dict[str, list[tuple[float, float, str]]] = {}
    for each in texts(drawn(case)):
        lines.setdefault(each.get("y"), []).append((*extent(each), each.text))
    assert len(lines) >= 8
    for line in lines.values():
        line.sort()
        for (_, end, left), (start, _, right) in itertools.pairwise(line):
            assert end <= start, (left, right)


def colours(theme: str) -> dict[str, str]:
    style = drawn("paper").find(f"{SVG}style").text
    light, dark = style.split("prefers-color-scheme:dark", 1)
    found = re.findall(r"--(\w+):(#\w+)", light if theme == "light" else dark)
    return dict(found)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    linear = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
    )
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_read_in_light_and_dark(theme: str) -> None:
    known = colours(theme)
    for name in ("ink", "soft", "cross"):
        assert contrast(known[name], known["bg"]) >= 4.5
    for edge, fill in (("ae", "a"), ("be", "b"), ("ae", "a2"), ("be", "b2")):
        assert contrast(known[edge], known[fill]) >= 3


def test_lines_cross_where_maps_do() -> None:
    def crossing(case: str) -> int:
        return sum(
            each.get("class") == "cross" for each in drawn(case).findall(f"{SVG}path")
        )

    assert crossing("paper") == 2 + 2 + 2 + 1  # conv3, fc6, fc7, fc8
    assert crossing("six_conv") == 2 + 2 + 2 + 2 + 1
    assert crossing("four towers") == 3 * 4 * 3 + 3
    assert crossing("caffe") == crossing("modern") == 0


def test_names_of_towers_are_beside_the_picture() -> None:
    """For two towers above and below it."""
    for case, count in (("paper", 2), ("four towers", 4)):
        root = drawn(case)
        corners = " ".join(
            each.get("points")
            for each in root.findall(f"{SVG}polygon")
            if each.get("class") == "picture"
        )
        picture = re.findall(r"([-\d.]+),([-\d.]+)", corners)
        left = min(float(x) for x, _ in picture)
        rows = [float(y) for _, y in picture]
        names = [t for t in texts(root) if t.text.startswith("tower ")]
        assert len(names) == count
        for each in names:
            y = float(each.get("y"))
            outside = y < min(rows) or y - 14 > max(rows)
            assert outside or extent(each)[1] < left


def test_a_long_name_leaves_room() -> None:
    record = dataclasses.replace(architectures.get("paper"), name="a long name " * 20)
    words = texts(ElementTree.fromstring(anatomy(record).to_svg()))
    (head,) = (each for each in words if "head" in each.get("class"))
    (legend,) = (each for each in words if each.text.startswith("maps that cross"))
    assert extent(head)[1] < extent(legend)[0]


def test_bars_are_shares_of_the_whole() -> None:
    shares = [t.text for t in texts(drawn("paper")) if t.text.endswith("%")]
    assert shares[:8] == [f"{n}%" for n in (0.1, 0.5, 1.5, 1.1, 0.7, 61.9, 27.5, 6.7)]
    heights = [
        float(each.get("height"))
        for each in drawn("paper").findall(f"{SVG}rect")
        if each.get("class") == "bar"
    ]
    assert heights[5] / heights[6] == pytest.approx(37_752_832 / 16_781_312, rel=0.01)


def test_it_needs_nothing_beside_it() -> None:
    text = anatomy().to_svg()
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]
    assert "url(" not in text
    assert "<script" not in text
