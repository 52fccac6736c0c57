"""Sheets of pictures: answers, neighbours, activations, patches, maps of a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from keras_alexnet.inspection.findings import (
    Answered,
    Attribution,
    LayerActivity,
    Retrieval,
    Unit,
)
from keras_alexnet.seeing import embedded
from keras_alexnet.seeing.charts import FIRST, SECOND
from keras_alexnet.seeing.figures import new_figure, shown
from keras_alexnet.seeing.page_text import correlation

_GAP, _EDGE, _LINE = 8, 20, 20  # pixels: between pictures, around all, of a text
_TEXT = 8.5
_MARKS = {True: "✓ ", False: "✗ ", None: ""}  # None: it has not the data's classes
MAPS = 24  # of a tower that are shown: those that answer most to the picture


def answers(
    rows: Sequence[Answered], classes: Sequence[str], data_classes: Sequence[str]
) -> Figure:
    """Pictures with their likeliest classes as bars (paper, figure 4, left).

    Args:
        rows: The pictures with their classes.
        classes: Name of each output.
        data_classes: Name of each class of the data.
    """
    columns, side, bars = 4, 150, 18 * max(len(each.classes) for each in rows)
    wide, tall = side + 3 * _GAP, side + _LINE + bars + 3 * _GAP
    lines = -(-len(rows) // columns)
    figure = new_figure(
        min(len(rows), columns) * wide + 2 * _EDGE, lines * tall + 2 * _EDGE
    )
    width, height = figure.bbox.width, figure.bbox.height
    for index, row in enumerate(rows):
        left = _EDGE + index % columns * wide
        top = _EDGE + index // columns * tall
        _image(figure, row.picture.pixels, left, top, side)
        name = shown(data_classes[row.picture.label], 19)
        _text(figure, f"{_MARKS[row.right]}{name}", left, top + side)
        below = height - top - side - _LINE - bars
        axes = figure.add_axes(
            (left / width, below / height, side / width, bars / height)
        )
        _bars(axes, row, classes)
    return figure


def neighbours(found: Retrieval, data_classes: Sequence[str]) -> Figure:
    """Pictures with the training pictures nearest to them (paper, figure 4, right)."""
    side = 104
    tall = side + _LINE + _GAP
    most = max((len(each.nearest) for each in found.examples), default=0)
    figure = new_figure(
        (most + 1) * (side + _GAP) + 3 * _GAP + 2 * _EDGE,
        len(found.examples) * tall + 2 * _EDGE,
    )
    for row, each in enumerate(found.examples):
        top = _EDGE + row * tall
        for column, picture in enumerate((each.picture, *each.nearest)):
            left = _EDGE + column * (side + _GAP) + (2 * _GAP if column else 0)
            _image(figure, picture.pixels, left, top, side)
            _text(figure, shown(data_classes[picture.label], 14), left, top + side)
    return figure


def activations(found: LayerActivity) -> Figure:
    """The maps of a layer that answer most to a picture, a row of rows for a tower."""
    dense = len(found.shape) == 1
    side, columns = (400, 1) if dense else (60, 12)
    blocks = [strongest(found, tower) for tower in range(found.towers)]
    highest = float(found.example.max())
    lines = [-(-len(block) // columns) for block in blocks]
    # The units of a dense layer are wider than high.
    height, width = blocks[0][0][1].shape
    step, tall = side + 2, side * height // max(height, width) + 2
    figure = new_figure(
        columns * step + 2 * _EDGE, sum(_LINE + n * tall for n in lines) + 2 * _EDGE
    )
    top = _EDGE
    for tower, (block, count) in enumerate(zip(blocks, lines, strict=True)):
        _text(figure, _title(found.layer, tower, found.towers), _EDGE, top)
        for index, (_, values) in enumerate(block):
            left = _EDGE + index % columns * step
            below = top + _LINE + index // columns * tall
            _image(figure, embedded.activation(values, highest), left, below, side)
        top += _LINE + count * tall
    return figure


def patches(found: LayerActivity, units: Sequence[Unit]) -> Figure:
    """The parts of pictures that excite units of a layer most, nine of each."""
    side, columns = 56, 4
    wide, tall = 3 * (side + 2) + 2 * _GAP, 3 * (side + 2) + _LINE + _GAP
    lines = -(-len(units) // columns)
    figure = new_figure(
        min(columns, max(len(units), 1)) * wide + 2 * _EDGE,
        max(lines, 1) * tall + 2 * _EDGE,
    )
    for index, unit in enumerate(units):
        left, top = _EDGE + index % columns * wide, _EDGE + index // columns * tall
        title = _title(f"{unit.layer}:{unit.unit}", unit.tower, found.towers)
        _text(figure, title if unit.patches else f"{title}, dead", left, top)
        for place, patch in enumerate(unit.patches):
            x, y = left + place % 3 * (side + 2), top + _LINE + place // 3 * (side + 2)
            _image(figure, embedded.cut(patch.picture, patch.box), x, y, side)
    return figure


def attribution(found: Attribution, classes: Sequence[str]) -> Figure:
    """Maps of a picture by each method, and below those of the randomised network."""
    side = 170
    figure = new_figure(
        (len(found.maps) + 1) * (side + _GAP) + 2 * _EDGE,
        2 * (side + _LINE + _GAP) + 2 * _EDGE,
    )
    picture = found.picture.picture
    _image(figure, picture.pixels, _EDGE, _EDGE, side)
    _text(figure, f"for {shown(classes[found.output], 20)}", _EDGE, _EDGE + side)
    for column, each in enumerate(found.maps, 1):
        left = _EDGE + column * (side + _GAP)
        for row, (values, title) in enumerate(
            (
                (each.values, each.method),
                (each.randomised, f"random weights, {correlation(each.correlation)}"),
            )
        ):
            top = _EDGE + row * (side + _LINE + _GAP)
            _image(figure, embedded.heat(picture.pixels, values), left, top, side)
            _text(figure, title, left, top + side)
    return figure


def strongest(found: LayerActivity, tower: int) -> list[tuple[int, np.ndarray]]:
    """Maps of a tower that answer most to the example, with the number of each.

    The units of a dense layer are one picture, in rows of 64, without a number (-1).
    """
    count = found.shape[-1] // found.towers
    own = found.example[..., tower * count : (tower + 1) * count]
    if len(found.shape) == 1:
        rows = -(-count // 64)
        return [(-1, np.resize(np.pad(own, (0, rows * 64 - count)), (rows, 64)))]
    order = np.argsort(-own.max(axis=(0, 1)), kind="stable")[:MAPS]
    return [(tower * count + int(unit), own[..., unit]) for unit in order]


def _title(name: str, tower: int, towers: int) -> str:
    return f"{name}, tower {tower + 1}" if towers > 1 else name


def _bars(axes: Axes, row: Answered, classes: Sequence[str]) -> None:
    names = [shown(classes[output], 22) for output, _ in row.classes]
    scores = [score for _, score in row.classes]
    colours = [FIRST if row.right else SECOND, *["0.75"] * len(scores)][: len(scores)]
    axes.barh(range(len(scores)), scores, color=colours, alpha=0.6)
    for place, name in enumerate(names):
        axes.text(0.02, place, name, va="center", size=_TEXT - 1, parse_math=False)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(scores) - 0.5, -0.5)
    axes.axis("off")


def _image(
    figure: Figure, pixels: np.ndarray, left: float, top: float, side: int
) -> None:
    """Draws a picture into a square of whole pixels, its longest side filling it."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    scale = side / max(picture.size)
    small = scale > 2  # few pixels are shown as squares
    how = Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS
    size = tuple(max(1, round(each * scale)) for each in picture.size)
    sized = np.asarray(picture.resize(size, how).convert("RGB"))
    bottom = figure.bbox.height - top - sized.shape[0]
    figure.figimage(sized, round(left), round(bottom), origin="upper")


def _text(figure: Figure, text: str, left: float, top: float) -> None:
    figure.text(
        left / figure.bbox.width,
        1 - (top + _LINE / 2) / figure.bbox.height,
        text,
        va="center",
        size=_TEXT,
        parse_math=False,
    )
