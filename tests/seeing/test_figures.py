"""Pictures of runs, as the pixels that a viewer finds in the PNG."""

from __future__ import annotations

import io
from collections.abc import Callable

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from keras_alexnet.evaluation import Confusion
from keras_alexnet.seeing import confusion, curves, figures, filters

ROWS = [
    {
        "epoch": str(epoch),
        "loss": str(2.0 - 0.3 * epoch),
        "val_loss": str(2.5 - 0.2 * epoch),
        "top1": str(0.2 * epoch),
        "val_top1": str(0.1 * epoch),
        "learning_rate": "0.01",
    }
    for epoch in (1, 2, 3)
]
ODD = ["$x$", "<script>", "蓝", "tab\there", "a_{b}^2 & 50%", "\\alpha $", "x" * 300]


def drawn(draw: Callable[..., Figure], *arguments: object) -> tuple[Figure, np.ndarray]:
    """A figure, and its PNG as uint8 `[height, width, 3]`."""
    with figures.drawing():
        figure = draw(*arguments)
        content = figures.png(figure)
    return figure, np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def pixel(pixels: np.ndarray, x: float, y: float) -> np.ndarray:
    """The pixel at matplotlib's x and y, which is counted from below."""
    return pixels[pixels.shape[0] - 1 - int(y), int(x)]


def colour(name: str) -> np.ndarray:
    return np.round(255 * np.array(to_rgb(name)))


@pytest.mark.compat
@pytest.mark.parametrize(
    ("name", "line"),
    [("loss", 0), ("val_loss", 1)],
)
def test_both_lines_go_through_their_values(name: str, line: int) -> None:
    figure, pixels = drawn(curves.draw, ROWS)
    axes = figure.axes[0]
    values = [float(row[name]) for row in ROWS]
    shown = colour(("tab:blue", "tab:orange")[line])
    for epoch, value in ((1, values[0]), (2.5, np.mean(values[1:])), (3, values[2])):
        x, y = axes.transData.transform((epoch, value))
        np.testing.assert_allclose(pixel(pixels, x, y), shown, atol=40)


@pytest.mark.compat
def test_without_validation_there_is_one_line() -> None:
    rows = [{**row, "val_loss": "", "val_top1": "nan"} for row in ROWS]
    figure, pixels = drawn(curves.draw, rows)
    assert [len(axes.lines) for axes in figure.axes] == [1, 1, 1]
    orange = np.abs(pixels - colour("tab:orange")).sum(axis=-1)
    assert orange.min() > 30


@pytest.mark.compat
def test_a_cell_is_as_dark_as_its_fraction_of_the_class() -> None:
    counts = Confusion()
    counts.add([0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 2, 2, 2, 2, 2])
    figure, pixels = drawn(confusion.draw, counts, ["a", "b", "c"])
    blues = matplotlib.colormaps["Blues"]
    for row, column, fraction in ((0, 0, 0.75), (0, 2, 0.25), (1, 2, 1), (2, 2, 0)):
        # Beside the number, in the corner of the cell.
        x, y = figure.axes[0].transData.transform((column - 0.35, row - 0.35))
        expected = 255 * np.array(blues(float(fraction))[:3])
        np.testing.assert_allclose(pixel(pixels, x, y), expected, atol=3)


@pytest.mark.compat
def test_of_many_classes_the_most_confused_pairs_are_shown() -> None:
    counts = Confusion()
    counts.add([7] * 5 + [8] * 3 + [9] * 4, [9] * 5 + [8] * 2 + [1] + [9] * 4)
    names = [f"class {index}" for index in range(40)]
    figure, _ = drawn(confusion.draw, counts, names)
    labels = [each.get_text() for each in figure.axes[0].get_yticklabels()]
    assert labels == ["class 7 taken for class 9", "class 8 taken for class 1"]
    assert [bar.get_width() for bar in figure.axes[0].patches] == [5, 1]
    assert [text.get_text() for text in figure.axes[0].texts] == ["5 of 5", "1 of 3"]


@pytest.mark.compat
def test_nothing_to_show_is_said() -> None:
    names = [f"class {index}" for index in range(40)]
    none, right = Confusion(), Confusion()
    right.add([1, 2], [1, 2])
    for counts, text in ((none, "no validation pictures"), (right, "no validation")):
        figure, _ = drawn(confusion.draw, counts, names)
        assert text in figure.texts[0].get_text()


@pytest.mark.compat
@pytest.mark.parametrize("count", [len(ODD), 40])
def test_names_are_drawn_as_they_are(count: int) -> None:
    """Warnings are errors here: of characters without a font, of damaged formulas."""
    names = [*ODD, *(f"class {index}" for index in range(40))][:count]
    counts = Confusion()
    counts.add(range(len(ODD)), [*range(1, len(ODD)), 0])
    figure, pixels = drawn(confusion.draw, counts, names)
    labels = figure.axes[0].get_yticklabels()
    assert not any(label.get_parse_math() for label in labels)
    texts = " ".join(label.get_text() for label in labels)
    for shown in ("$x$", "<script>", "tab\\there", "a_{b}^2 & 50%"):
        assert shown in texts
    assert pixels.shape[1] < 1500


@pytest.mark.compat
@pytest.mark.parametrize(
    ("towers", "order", "expected"),
    [(1, "RGB", 0), (2, "RGB", 0), (2, "BGR", 2)],
)
def test_a_planted_kernel_has_its_colour_at_its_place(
    towers: int, order: str, expected: int
) -> None:
    kernels = np.zeros((5, 5, 3, 40), np.float32)
    kernels[..., 0, 37] = 1.0
    _, pixels = drawn(filters.draw, kernels, towers, order)
    found = np.argwhere(pixels[..., expected] > pixels.sum(axis=-1) / 2 + 1)
    side = 40  # 5 weights, each 8 pixels
    (top, left), (bottom, right) = found.min(axis=0), found.max(axis=0)
    assert (bottom - top + 1, right - left + 1) == (side, side)
    # In rows of 16: the 6th of the third row, or of tower 2 the 18th, 2nd in its row.
    place = 37 if towers == 1 else 17
    row, column = divmod(place, 16)
    above = 0 if towers == 1 else 1
    heights = 2 * (side + 1) - 1  # the rows of tower 1, with a line between
    shift = above * (heights + filters.MARGIN + filters.TITLE)
    assert left == filters.MARGIN + column * (side + 1)
    assert top == filters.MARGIN + filters.TITLE + shift + row * (side + 1)


@pytest.mark.compat
def test_a_picture_has_the_same_bytes_every_time() -> None:
    with figures.drawing():
        first, second = (figures.png(curves.draw(ROWS)) for _ in range(2))
    assert first == second


def test_the_style_of_the_person_is_not_changed_and_does_not_count() -> None:
    with figures.drawing():
        expected = figures.png(curves.draw(ROWS))
    with matplotlib.rc_context({"lines.linewidth": 9, "axes.facecolor": "black"}):
        with figures.drawing():
            assert figures.png(curves.draw(ROWS)) == expected
        assert matplotlib.rcParams["lines.linewidth"] == 9
