"""A network as a drawing in SVG: a lane for each tower, from picture to classes.

After figure 2 of the paper: blocks for maps, bars for units.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from xml.etree import ElementTree

from keras_alexnet.architectures.anatomy.layers import DENSE, UNEVEN, Layer
from keras_alexnet.architectures.anatomy.network import Network, tower_name
from keras_alexnet.architectures.anatomy.shapes import (
    Block,
    draw,
    element,
    groups,
    link,
    style,
    text,
    window,
)
from keras_alexnet.reasons import shortened

_EDGE, _PICTURE = 24, 88  # left edge, and the centre of the picture
_FIRST = 178  # of the first column
_NAMES = 64  # for the names of towers, if there are more than two
_MAPS, _UNITS, _CROSSED = 80, 66, 26  # to the next column; more where maps cross
_LONG = 24  # characters of a name
_TOP, _GAP = 84, 62  # above the lanes, and between them for the sizes of maps
_ROW, _BARS, _WHOLE = 27, 80, 80  # a row below the lanes, one of bars, a bar of 100 %


@dataclasses.dataclass(frozen=True)
class _Column:
    """A layer, at the same place in all lanes.

    Args:
        x: Its centre.
        layer: The layer.
        blocks: Its block in each tower; None where the tower has nothing of it.
    """

    x: float
    layer: Layer
    blocks: tuple[Block | None, ...]


def svg(network: Network) -> str:
    """The text of an SVG file, which needs nothing beside it."""
    heights = _lane_height(network)
    centres = [
        _TOP + heights / 2 + tower * (heights + _GAP) for tower in range(network.towers)
    ]
    columns = _columns(network, centres)
    bottom = centres[-1] + heights / 2 + _GAP - 14
    width = math.ceil(columns[-1].x + 50)
    height = math.ceil(bottom + 2 * _ROW + 2 * _BARS + 34)
    root = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "role": "img",
            "aria-labelledby": "title description",
        },
    )
    element(root, "title", f"{network.architecture.name}, layer by layer", id="title")
    element(root, "desc", _description(network), id="description")
    element(root, "style", style())
    element(root, "rect", width=width, height=height, kind="bg")
    _heads(root, network, columns)
    picture = Block(
        _PICTURE + _beside(network), sum(centres) / len(centres), network.image_size, 3
    )
    _lanes(root, network, picture, columns)
    _sizes(root, network, picture, columns, centres, heights)
    _rows(root, network, columns, bottom)
    note = (
        "In square roots: a block's height is the side of its maps, its thickness "
        "their number; a bar's height is its units."
    )
    text(root, _EDGE, height - 14, note, "soft start wide")
    ElementTree.indent(root, "")
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _beside(network: Network) -> int:
    """Room for the names of towers beside the picture, if it is between two lanes."""
    return _NAMES if network.towers > 2 else 0


def _lane_height(network: Network) -> float:
    """Of the tallest block; and the picture must fit between the first and the last."""
    tallest = max(
        Block(0, 0, layer.side, share.maps).tall
        for layer in network.steps
        for share in layer.shares
    )
    picture = Block(0, 0, network.image_size, 3).tall
    gaps = (network.towers - 1) * _GAP
    return max(tallest, (picture - gaps) / network.towers)


def _columns(network: Network, centres: list[float]) -> list[_Column]:
    crossed = {each.layer for each in network.crossings}
    columns: list[_Column] = []
    x = float(_FIRST + _beside(network))
    for layer in network.steps:
        if columns:
            x += _UNITS if layer.kind == DENSE else _MAPS
            x += _CROSSED if layer.name in crossed else 0
        blocks = tuple(
            Block(x, y, layer.side, share.maps) if share.maps else None
            for y, share in zip(centres, layer.shares, strict=True)
        )
        columns.append(_Column(x, layer, blocks))
    return columns


def _heads(root: ElementTree.Element, network: Network, columns: list[_Column]) -> None:
    name = shortened(network.architecture.name, _LONG)
    text(root, _EDGE, 33, name, "head start")
    words, kind = "", ""
    if network.crossings:
        words = "maps that cross between towers: values of a picture, each way"
        kind = "cross"
    elif any(column.layer.groups > 1 for column in columns):
        words, kind = "groups: a kernel reads the maps of one of them only", "group"
    if words:
        end = columns[-1].x + 26
        text(root, end, 31, words, "soft end wide")
        start = end - 7 * len(words)
        element(
            root, "line", x1=start, y1=27, x2=start + 30, y2=27, kind=f"{kind} wide"
        )
    for column in columns:
        text(root, column.x, _TOP - 20, column.layer.name, "name")


def _lanes(
    root: ElementTree.Element,
    network: Network,
    picture: Block,
    columns: list[_Column],
) -> None:
    """The blocks, over the lines between them."""
    before: tuple[Block | None, ...] = (picture,) * network.towers
    # The lines that cross are under everything else.
    for last, column in itertools.pairwise(columns):
        for tower, share in enumerate(column.layer.shares):
            for source in share.reads:
                start, end = last.blocks[source], column.blocks[tower]
                if source != tower and start and end:
                    link(root, start, end, "cross")
    draw(root, picture, "picture")
    for column in columns:
        for tower, block in enumerate(column.blocks):
            if block is None:
                continue
            draw(root, block, "ab"[tower % 2])
            if network.towers == 1:
                groups(root, block, column.layer.groups)
            start = before[tower]
            if start is None:
                continue
            if column.layer.kind == DENSE:
                link(root, start, block, "link")
            else:
                window(root, start, column.layer.window, block)
        before = column.blocks


def _sizes(
    root: ElementTree.Element,
    network: Network,
    picture: Block,
    columns: list[_Column],
    centres: list[float],
    heights: float,
) -> None:
    """The sizes of maps below the blocks, the towers' names, and what crosses."""
    size = f"{network.image_size}×{network.image_size}×3"
    text(root, picture.x, picture.y + picture.tall / 2 + 18, size, "size wide")
    for tower, centre in enumerate(centres):
        y = centre + heights / 2 + 18
        if network.towers > 1:
            beside = (centre - heights / 2 + 8, y)  # above and below the picture
            at = beside[tower] if network.towers == 2 else centre
            text(root, _EDGE, at, f"tower {tower_name(tower)}", "name start")
        for column in columns:
            block = column.blocks[tower]
            if block:
                text(root, column.x, y, _size(block), "size wide")
    middle = sum(centres) / len(centres) + 4
    values = {each.layer: each.values for each in network.crossings}
    for last, column in itertools.pairwise(columns):
        if column.layer.name in values:
            ends = [block.left for block in column.blocks if block]
            starts = [block.right for block in last.blocks if block]
            x = (max(starts) + min(ends)) / 2
            text(root, x, middle, f"{values[column.layer.name]:,}", "crossing")


def _size(block: Block) -> str:
    if block.side == 1:
        return f"{block.count}"
    return f"{block.side}×{block.side}×{block.count}"


def _rows(
    root: ElementTree.Element, network: Network, columns: list[_Column], top: float
) -> None:
    """The table below the lanes: windows, receptive fields, and two rows of bars."""
    y = top
    end = columns[-1].x + 26
    _row(root, y, end, "window, stride", "start wide")
    for column in columns:
        if column.layer.kind != DENSE:
            window, step = column.layer.window, column.layer.step or UNEVEN
            words = f"{window}×{window}, {step}"
            text(root, column.x, y + 18, words, "wide")
    y += _ROW
    _row(root, y, end, "sees, pixels")
    for column in columns:
        text(root, column.x, y + 18, f"{column.layer.receptive_field}", "sees")
    y += _ROW
    totals = network.totals
    for name, whole in (
        ("parameters", totals.parameters),
        ("multiply-adds", totals.multiply_adds),
    ):
        _row(root, y, end, name)
        text(root, _EDGE, y + 36, f"{whole:,}", "soft start wide")
        base = y + _BARS - 7
        for column in columns:
            part = getattr(column.layer, name.replace("-", "_")) / whole
            if column.layer.neurons:
                _bar(root, column.x, base, part)
        y += _BARS


def _row(
    root: ElementTree.Element, y: float, end: float, name: str, kind: str = "start"
) -> None:
    element(root, "line", x1=_EDGE, y1=y, x2=end, y2=y, kind="rule")
    text(root, _EDGE, y + 18, name, kind)


def _bar(root: ElementTree.Element, x: float, base: float, part: float) -> None:
    height = max(part * _WHOLE, 0.8)
    element(
        root, "rect", x=x - 13, y=base - height, width=26, height=height, kind="bar"
    )
    share = f"{part:.1%}" if part >= 0.0005 else "<0.1%"
    text(root, x, base - height - 5, share, "soft")


def _description(network: Network) -> str:
    """What the drawing shows, for those who do not see it."""
    size = network.image_size
    parts = [f"A picture of {size} by {size} pixels goes through these layers."]
    for layer in network.steps:
        side, _, maps = layer.maps
        what = f"{maps} maps of {side} by {side}" if side > 1 else f"{maps} units"
        read = f", reads {network.reads(layer)}" if layer.neurons else ""
        parts.append(f"{layer.name}: {what}{read}.")
    return " ".join(parts)
