"""A figure as a part of a page: in the page's own colours and font, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

from keras_alexnet.seeing import charts

_LINK = "{http://www.w3.org/1999/xlink}href"
# Classes in place of colours: the page's style sheet has a light and a dark one.
_CLASSES = {
    charts.INK: "ink",
    charts.FAINT: "faint",
    charts.FIRST: "first",
    charts.SECOND: "second",
    "#000000": "ink",
    "#ffffff": "paper",
}
_PLAIN = re.compile(r"[a-z-]+")


def svg(
    figure: Figure, name: str, text: str, points: Mapping[str, Sequence[str]] = {}
) -> str:
    """A figure as an `<svg>` element without styles of its own.

    A page with a strict policy takes no style attributes: they become attributes of
    SVG, and colours classes.

    Args:
        figure: The figure.
        name: Begins all ids, so that several figures fit into one page.
        text: What it shows, for those who do not see it.
        points: The name of each point of the lines with this gid; becomes `data-unit`.
    """
    root = ElementTree.fromstring(_drawn(figure))
    for parent in list(root.iter()):
        for child in list(parent):
            if _tag(child) in ("metadata", "style", "title"):
                parent.remove(child)
    for element in root.iter():
        _name_points(element, points)
    for element in root.iter():
        _adapt(element, name)
    for unused in ("width", "height", "version", "id"):
        root.attrib.pop(unused, None)
    root.set("class", "chart")
    root.set("role", "img")
    root.set("aria-label", text)
    return ElementTree.tostring(root, encoding="unicode")


def _drawn(figure: Figure) -> bytes:
    content = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "page"}):
        figure.savefig(content, format="svg", transparent=True, metadata={"Date": None})
    return content.getvalue()


def _tag(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _name_points(
    element: ElementTree.Element, points: Mapping[str, Sequence[str]]
) -> None:
    names = points.get(element.get("id", ""))
    if names is not None:
        marks = [each for each in element.iter() if _tag(each) == "use"]
        for mark, unit in zip(marks, names, strict=True):
            mark.set("data-unit", unit)


def _adapt(element: ElementTree.Element, name: str) -> None:
    element.tag = _tag(element)  # in HTML, SVG needs no namespaces
    link = element.attrib.pop(_LINK, "")
    if link:
        element.set("href", f"#{name}-{link[1:]}")
    if "id" in element.attrib:
        element.set("id", f"{name}-{element.get('id')}")
    for key, value in _styles(element.attrib.pop("style", "")):
        element.set(key, value)
    if "clip-path" in element.attrib:
        element.set("clip-path", element.attrib["clip-path"].replace("#", f"#{name}-"))
    classes = []
    for kind in ("fill", "stroke"):
        own = _CLASSES.get(element.get(kind, "").lower())
        if own is not None:
            del element.attrib[kind]
            classes.append(f"{kind}-{own}")
    if element.tag == "text" and "fill" not in element.attrib and not classes:
        classes.append("fill-ink")
    if classes:
        element.set("class", " ".join(classes))


def _styles(style: str) -> Iterator[tuple[str, str]]:
    for part in style.split(";"):
        key, _, value = (each.strip() for each in part.partition(":"))
        if key in ("font", "font-size", "font-weight"):
            size = re.search(r"([\d.]+)px", value)
            weight = re.match(r"bold\b|[6-9]00\b", value)
            if size is not None:
                yield "font-size", size[1]
            if weight is not None:
                yield "font-weight", weight[0]
        elif _PLAIN.fullmatch(key) and not key.startswith("font"):
            yield key, value
