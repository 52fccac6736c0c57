"""Lines for people: on a terminal they break between words, elsewhere never."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.text import Text

from keras_alexnet.reasons import printable, shortened

_INDENT = "    "  # of what belongs to the line above
_WIDE = 4096
_LONGEST = 10_000  # characters of a line
_FIELDS = re.compile(r"\s*\S+(?: \S+)*")  # between them are two spaces or more
_WORDS = re.compile(r"\s*\S+")


def new_console(stderr: bool = False) -> Console:
    """A console that shows text as it is.

    Args:
        stderr: Whether it is standard error, not standard output.
    """
    return Console(
        stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True
    )


def say(console: Console, text: str) -> None:
    """Prints lines, broken to the width of a terminal.

    They break at two spaces or more, which are between fields, and within a field only
    if it is wider than the terminal. Words are never broken: paths can be copied.
    """
    width = _width(console)
    for line in text.split("\n"):
        parts: list[str] = []
        for field in _FIELDS.findall(line):
            wide = cell_len(field) + len(_INDENT) > width
            parts += _WORDS.findall(field) if wide else [field]
        _print(console, broken(parts, width))


def say_json(value: Any) -> None:
    """Prints a JSON value on one line of standard output.

    What cannot be printed, and in other encodings than UTF-8 all but ASCII, is escaped
    as JSON allows: a name that somebody else chose does not control a terminal.
    """
    utf8 = (sys.stdout.encoding or "").lower() in ("utf-8", "utf8")
    text = json.dumps(value, ensure_ascii=not utf8)
    if not text.isprintable():
        text = "".join(
            each if each.isprintable() else json.dumps(each)[1:-1] for each in text
        )
    print(text, flush=True)


def say_command(console: Console, words: Sequence[str]) -> None:
    """Prints a command for a shell: quoted, and as one even if it takes two lines."""
    quoted = [shlex.quote(word) for word in words]
    parts = ["  " + quoted[0], *(" " + word for word in quoted[1:])]
    _print(console, broken(parts, _width(console), " \\"))


def say_table(console: Console, table: RenderableType) -> None:
    """Prints a table, as wide as it needs to be unless on a terminal."""
    if not console.is_terminal:  # `print` takes no width above the console's own
        console = Console(
            file=console.file, width=_WIDE, highlight=False, markup=False, emoji=False
        )
    console.print(table, soft_wrap=False, crop=False)


def broken(parts: Sequence[str], width: int, end: str = "") -> str:
    """Joins parts of a line, on several lines if they are wider than that.

    Args:
        parts: Each with the spaces before it, which it loses where it begins a line.
        width: In columns.
        end: What ends a line that continues.

    Example:

    >>> print(broken(["loss 0.5", "  top-1 0.8", "  top-5 0.9"], 22))
    loss 0.5  top-1 0.8
        top-5 0.9
    """
    lines = [""]
    for part in parts:
        if lines[-1].strip() and cell_len(lines[-1] + part + end) > width:
            lines.append(_INDENT + part.lstrip())
        else:
            lines[-1] += part
    return f"{end}\n".join(lines)


def _width(console: Console) -> int:
    return console.width if console.is_terminal else _WIDE


def _print(console: Console, text: str) -> None:
    # Text, so that neither markup nor the name of an emoji in a path is one.
    lines = "\n".join(shortened(printable(line), _LONGEST) for line in text.split("\n"))
    console.print(Text(lines), soft_wrap=True)
