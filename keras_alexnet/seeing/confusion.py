"""Which classes a network takes for which, on the validation pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_alexnet.evaluation import Confusion
from keras_alexnet.seeing.figures import new_figure, shown

MOST_CLASSES = 30  # of a whole matrix, whose names and numbers can be read
_PAIRS = 30
_CELL = 38  # pixels
_NAME = 8  # pixels of a character, more or less


def draw(confusion: Confusion, class_names: Sequence[str]) -> Figure:
    """Draws the whole matrix; of many classes, the pairs that are confused most.

    Args:
        confusion: The counts.
        class_names: Name of each class.
    """
    if not confusion.pairs:
        return _text("there are no validation pictures")
    if len(class_names) > MOST_CLASSES:
        return _most_confused(confusion, class_names)
    return _matrix(confusion, class_names)


def _matrix(confusion: Confusion, class_names: Sequence[str]) -> Figure:
    names = [shown(name) for name in class_names]
    counts = confusion.matrix(len(names))
    space = _CELL * len(names)
    label = 60 + _NAME * max(map(len, names))
    figure = new_figure(max(space + label + 40, 420), space + label + 50)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if fractions[row, column] > 0.5 else "black"
            axes.text(
                column, row, f"{count}", ha="center", va="center", size=9, color=colour
            )
    positions = range(len(names))
    axes.set_xticks(positions, names, rotation=90, parse_math=False)
    axes.set_yticks(positions, names, parse_math=False)
    axes.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="0.9")
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("taken for")
    axes.set_ylabel("class")
    figure.suptitle(f"{counts.sum():,} validation pictures", fontsize="medium")
    return figure


def _most_confused(confusion: Confusion, class_names: Sequence[str]) -> Figure:
    wrong = confusion.wrong()[:_PAIRS]
    if not wrong:
        return _text("no validation picture was taken for another class")
    figure = new_figure(1000, 110 + 24 * max(len(wrong), 2))
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    total = sum(each.pictures for each in confusion.pairs)
    figure.suptitle(
        f"the classes that are confused most, of {len(class_names):,} classes and "
        f"{total:,} validation pictures",
        fontsize="medium",
    )
    names = [
        f"{shown(class_names[each.label])} taken for "
        f"{shown(class_names[each.predicted])}"
        for each in wrong
    ]
    positions = range(len(wrong))
    bars = axes.barh(positions, [each.pictures for each in wrong], color="tab:blue")
    parts = [f"{each.pictures} of {confusion.pictures(each.label)}" for each in wrong]
    axes.bar_label(bars, parts, padding=4)
    axes.set_yticks(positions, names, parse_math=False)
    axes.set_ylim(len(wrong) - 0.5, -0.5)  # the most frequent at the top
    axes.margins(x=0.2)
    axes.set_xlabel("pictures")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _text(text: str) -> Figure:
    figure = new_figure(600, 150)
    figure.text(0.5, 0.5, text, ha="center", va="center")
    return figure
