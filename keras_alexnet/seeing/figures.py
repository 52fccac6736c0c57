"""Figures without a display: drawn in memory, with text that is shown as it is."""

from __future__ import annotations

import contextlib
import functools
import io
import warnings
from collections.abc import Iterator

import matplotlib
import matplotlib.style
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from keras_alexnet.reasons import printable, shortened

DPI = 100
_OWN_FONT = "DejaVu Sans"  # comes with matplotlib
# Fonts of common systems for what it lacks, as Chinese, Japanese and Korean.
_MORE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "WenQuanYi Micro Hei",
    "Source Han Sans SC",
    "Hiragino Sans",
    "PingFang SC",
    "Arial Unicode MS",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Nirmala UI",
)


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """Within the context the person's own style of matplotlib does not count."""
    with warnings.catch_warnings(), matplotlib.style.context("default"):
        warnings.simplefilter("ignore")
        matplotlib.rcParams["font.family"] = _fonts()
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure for text and images in memory alone.

    Args:
        width: In pixels.
        height: In pixels.
    """
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure, scale: int = 1) -> bytes:
    """A figure as a PNG file; the same figure gives the same bytes.

    Args:
        figure: The figure.
        scale: Pixels of the file for each of the figure's; 2 for dense screens.
    """
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=scale * DPI, metadata={"Software": None})
    return content.getvalue()


def svg(figure: Figure) -> bytes:
    """A figure as an SVG file; the same figure gives the same bytes."""
    content = io.BytesIO()
    # The salt of the ids, which are random without it.
    with matplotlib.rc_context({"svg.hashsalt": "keras-alexnet"}):
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return content.getvalue()


def shown(name: str, length: int = 30) -> str:
    """A name that a person chose, so that it can be drawn.

    Characters that cannot be printed, or that no font here has, are escaped as in the
    output of commands. Draw it with `parse_math=False`, for the sake of `$`.

    Args:
        name: The name.
        length: How many characters are shown.

    Example:

    >>> shown("a\\tb")
    'a\\\\tb'
    """
    known = _characters()
    return shortened(
        "".join(
            each if ord(each) in known else each.encode("unicode_escape").decode()
            for each in printable(name)
        ),
        length,
    )


@functools.cache
def _fonts() -> list[str]:
    """Names of the installed fonts to draw with, in this order."""
    installed = {each.name for each in font_manager.fontManager.ttflist}
    return [_OWN_FONT, *(name for name in _MORE_FONTS if name in installed)]


@functools.cache
def _characters() -> frozenset[int]:
    """The characters that one of the fonts has."""
    paths = [font_manager.findfont(name) for name in _fonts()]
    return frozenset().union(*(font_manager.get_font(p).get_charmap() for p in paths))
