"""Messages of errors: one line of bounded length, in words that help."""

from __future__ import annotations

import difflib
import re
import sys
import warnings
from collections.abc import Iterable
from typing import Any

_LIMIT = 200
_LONGEST = 1000  # of a text: paths can be copied from a message
_FAR_TOO_LONG = 100_000
_WRAPPING = re.compile(
    r"\[\[\{\{.*?\}\}\]\]|\{\{.*?\}\}|\[Op:.*|Traceback \(most recent call last\):.*",
    re.DOTALL,
)
# What turns colours on and off (ECMA-48, SGR), as in Keras' messages.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def reason(error: BaseException, limit: int = _LIMIT) -> str:
    """The message of an error, without TensorFlow's wrapping.

    Args:
        error: Any error; for an OSError the path is omitted, since the caller names it.
        limit: The most characters to return.

    Returns:
        One line; the name of the error's type if it has no message.

    Example:

    >>> reason(FileNotFoundError(2, "No such file or directory", "a.txt"))
    'No such file or directory'
    >>> reason(ValueError("{{node x}} Not a\\n JPEG. [Op:DecodeJpeg] name: "))
    'Not a JPEG.'
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, KeyError) and error.args:
        error = ValueError(error.args[0])  # KeyError's own text is a repr
    words = str(getattr(error, "message", error))  # TensorFlow's own, without its type
    words = shortened(words, _FAR_TOO_LONG)
    return outside(_WRAPPING.sub(" ", words), limit) or type(error).__name__


def outside(value: Any, limit: int = _LIMIT) -> str:
    """What a file, a server or a library says, for a message or the terminal.

    Args:
        value: What it is; its `str` is taken.
        limit: The most characters to return.

    Returns:
        One line of what can be printed, without colours; its middle is cut out if it
        is too long.

    Example:

    >>> print(outside("\\x1b[31mred\\x1b[0m,\\nand \\u202e"))
    red, and \\u202e
    """
    text = _COLOURS.sub("", shortened(str(value), _FAR_TOO_LONG))
    return shortened(printable(" ".join(text.split())), limit)


def shortened(text: str, limit: int = _LIMIT) -> str:
    """Cuts the middle out of a text that is too long: a message ends with its reason.

    Example:

    >>> shortened("/a/long/way/to/a/file: no space left", 26)
    '/a/long/…le: no space left'
    """
    if len(text) <= limit:
        return text
    start = (limit - 1) // 3
    return f"{text[:start]}…{text[len(text) - (limit - 1 - start) :]}"


def printable(text: str) -> str:
    """A text that somebody chose, as one line that is shown as it is.

    What cannot be printed is escaped: the end of a line, the signs that control a
    terminal, those that reverse what follows, bytes of a name that are not UTF-8.

    Example:

    >>> print(printable("a\\nb"))
    a\\nb
    """
    return "".join(
        each
        if each.isprintable()
        else each.encode("unicode_escape", "surrogatepass").decode()
        for each in text
    )


def near(value: Any, known: Iterable[str]) -> str:
    """The known name that is most like what was received, as a question.

    Args:
        value: What was received.
        known: The names that there are.

    Returns:
        Words to put behind the names; empty if none is like it.

    Example:

    >>> near("papper", ["paper", "caffe"])
    " (did you mean 'paper'?)"
    >>> near("vgg", ["paper", "caffe"])
    ''
    """
    if not isinstance(value, str):
        return ""
    lower = {each.lower(): each for each in known}
    found = difflib.get_close_matches(value.lower(), lower, n=1)
    return f" (did you mean {lower[found[0]]!r}?)" if found else ""


def must_be(name: str, expected: str, value: Any) -> ValueError:
    """The error for a value that is not what it must be, to raise.

    Args:
        name: What the person calls it.
        expected: What it must be.
        value: What was received; an array or a tensor takes one line too.

    Example:

    >>> must_be("epochs", "at least 1", 0)
    ValueError('epochs must be at least 1. Received: epochs=0')
    """
    return ValueError(f"{name} must be {expected}. Received: {name}={shown(value)}")


def shown(value: Any) -> str:
    """What was received, for a message: its `repr` on one line, not too long.

    Example:

    >>> shown(10**5000)
    'int, too long to show'
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # thousands of digits, or levels
        return f"{type(value).__name__}, too long to show"
    if isinstance(value, str):
        return shortened(printable(text), _LONGEST)
    return outside(text)


def warn_caller(message: str) -> None:
    """Warns at the line of the person's program that called this package.

    Args:
        message: Always the same for the same fault: Python shows a warning once for
            each line and message.
    """
    own = __name__.partition(".")[0]
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _package(frame) == own:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)


def _package(frame: Any) -> str:
    return frame.f_globals.get("__name__", "").partition(".")[0]
