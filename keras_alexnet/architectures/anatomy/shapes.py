"""Shapes of the drawing: blocks of maps, bars of units, and what connects them."""

from __future__ import annotations

import dataclasses
import math
from xml.etree import ElementTree

_SIDE, _MAPS, _UNITS = 10.0, 2.1, 2.2  # pixels for the square root of one
_BAR = 14.0
_ACROSS, _UP = 0.28, 0.22  # what a block's depth is to its height

# Every text has a contrast of 4.5 or more with what is behind it. On a telephone, where
# the drawing is a third as large, only what is of class `wide` is left out.
_STYLE = """
svg{--bg:#fff;--ink:#1b2733;--soft:#55606b;--line:#8a95a0;--cross:#b3261e;
--picture:#e3e6e9;--a:#cfe0f5;--a2:#a9c6ea;--a3:#e6f0fb;--ae:#35557a;
--b:#fbe0c3;--b2:#f0c596;--b3:#fdf0e0;--be:#8a5a1e}
@media (prefers-color-scheme:dark){
svg{--bg:#14181d;--ink:#e6eaf0;--soft:#a9b3be;--line:#77828e;--cross:#ff8a80;
--picture:#3a424b;--a:#27466b;--a2:#1d3653;--a3:#35598a;--ae:#8db4e6;
--b:#6b4a20;--b2:#523815;--b3:#87602e;--be:#e8b878}}
text{font:13px system-ui,"DejaVu Sans",sans-serif;fill:var(--ink);text-anchor:middle}
.head{font-size:19px;font-weight:600}.name{font-weight:600;font-size:14px}
.start{text-anchor:start}.end{text-anchor:end}.soft{fill:var(--soft);font-size:12px}.size{font-size:12px}
.crossing{fill:var(--cross);font-weight:600;font-size:12px;
stroke:var(--bg);stroke-width:4px;paint-order:stroke}
.bg{fill:var(--bg)}line,path{fill:none;stroke:var(--line)}
.rule{stroke-opacity:.35}.lens{stroke-width:.9}
.cross{stroke:var(--cross);stroke-width:1.8}
polygon,.block{stroke-width:1.1;stroke-linejoin:round}
.picture{fill:var(--picture);stroke:var(--soft)}
.a{fill:var(--a);stroke:var(--ae)}.a2{fill:var(--a2);stroke:var(--ae)}
.a3{fill:var(--a3);stroke:var(--ae)}.b{fill:var(--b);stroke:var(--be)}
.b2{fill:var(--b2);stroke:var(--be)}.b3{fill:var(--b3);stroke:var(--be)}
.window{fill:var(--bg);fill-opacity:.75;stroke:var(--ink)}
.group{stroke:var(--ink);stroke-dasharray:3 2}
.bar{fill:var(--soft)}
@media (max-width:560px){.wide{display:none}
text,.soft,.crossing{font-size:22px}.name{font-size:22px}.head{font-size:30px}}
"""


@dataclasses.dataclass(frozen=True)
class Block:
    """Maps of a tower, seen from the side, with their last one at the right.

    Args:
        x: Its centre.
        y: Its centre.
        side: Height and width of the maps; 1 for units.
        count: How many maps or units.
    """

    x: float
    y: float
    side: int
    count: int

    @property
    def height(self) -> float:
        """Of its front, by the square root of the side, or of the number of units."""
        if self.side == 1:
            return _UNITS * math.sqrt(self.count)
        return _SIDE * math.sqrt(self.side)

    @property
    def thickness(self) -> float:
        """Of its front, by the square root of the number of maps."""
        return _BAR if self.side == 1 else _MAPS * math.sqrt(self.count)

    @property
    def across(self) -> float:
        """How far its depth reaches to the right."""
        return 0 if self.side == 1 else _ACROSS * self.height

    @property
    def up(self) -> float:
        """How far its depth reaches up."""
        return 0 if self.side == 1 else _UP * self.height

    @property
    def tall(self) -> float:
        """All of its height."""
        return self.height + self.up

    @property
    def left(self) -> float:
        """Where it begins."""
        return self.x - (self.thickness + self.across) / 2

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.x + (self.thickness + self.across) / 2

    @property
    def top(self) -> float:
        """Where its front begins."""
        return self.y - self.tall / 2 + self.up

    def on_last_map(self, across: float, down: float) -> tuple[float, float]:
        """A point of its last map, by its place from 0 to 1 in both directions."""
        x = self.left + self.thickness + across * self.across
        return x, self.top + down * self.height - across * self.up


def style() -> str:
    """The style sheet, for light and dark."""
    return _STYLE


def element(
    parent: ElementTree.Element, tag: str, content: str = "", **attributes: str | float
) -> ElementTree.Element:
    """A new element; `kind` is its class, and numbers are rounded."""
    given = {
        "class" if name == "kind" else name.replace("_", "-"): (
            value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
        )
        for name, value in attributes.items()
    }
    made = ElementTree.SubElement(parent, tag, given)
    made.text = content or None
    return made


def text(
    parent: ElementTree.Element, x: float, y: float, words: str, kind: str
) -> None:
    """A line of text; `kind` is one class or several."""
    element(parent, "text", words, x=x, y=y, kind=kind)


def draw(parent: ElementTree.Element, block: Block, kind: str) -> None:
    """Draws a block: front, top and its last map."""
    element(
        parent,
        "rect",
        x=block.left,
        y=block.top,
        width=block.thickness,
        height=block.height,
        kind=f"block {kind}",
    )
    if not block.across:
        return
    start, end = block.left, block.left + block.thickness
    top = [
        (start, block.top),
        (start + block.across, block.top - block.up),
        block.on_last_map(1, 0),
        (end, block.top),
    ]
    last = [block.on_last_map(*corner) for corner in ((0, 0), (1, 0), (1, 1), (0, 1))]
    plain = kind == "picture"
    element(parent, "polygon", points=_points(top), kind=kind if plain else f"{kind}3")
    element(parent, "polygon", points=_points(last), kind=kind if plain else f"{kind}2")


def groups(parent: ElementTree.Element, block: Block, count: int) -> None:
    """Lines between the groups of a block's maps."""
    for index in range(1, count):
        x = block.left + block.thickness * index / count
        corners = [
            (x, block.top + block.height),
            (x, block.top),
            (x + block.across, block.top - block.up),
        ]
        element(parent, "path", d=f"M{_points(corners)}", kind="group")


def window(parent: ElementTree.Element, block: Block, size: int, to: Block) -> None:
    """What one value reads of a block, in scale, and lines to where it is."""
    half = min(1.0, size / block.side) / 2
    low, high = 0.5 - half, 0.5 + half
    corners = ((low, low), (high, low), (high, high), (low, high))
    points = [block.on_last_map(*corner) for corner in corners]
    for x, y in points[1:3]:
        element(parent, "line", x1=x, y1=y, x2=to.left, y2=to.y, kind="lens")
    element(parent, "polygon", points=_points(points), kind="window")


def link(parent: ElementTree.Element, block: Block, to: Block, kind: str) -> None:
    """A line from a block to another, which leaves and arrives level."""
    middle = (block.right + to.left) / 2
    path = (
        f"M{block.right:.1f},{block.y:.1f} C{middle:.1f},{block.y:.1f} "
        f"{middle:.1f},{to.y:.1f} {to.left:.1f},{to.y:.1f}"
    )
    element(parent, "path", d=path, kind=kind)


def _points(corners: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
