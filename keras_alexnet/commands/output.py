"""Standard output and standard error of a command: what if nobody takes them.

A reader ends (`| head`), a disk is full, a terminal knows no "×": none of it may end a
training run, or be seen as a traceback.
"""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Callable
from typing import Any

_STDOUT = 1


class _Stream(io.FileIO):
    """A descriptor that leads to nowhere from its first failed write on.

    Args:
        descriptor: As the system numbers it.
        failed: Called with what the write raised; it may raise something itself.
    """

    def __init__(self, descriptor: int, failed: Callable[[OSError], None]) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._failed = failed

    def write(self, data: Any) -> Any:
        try:
            while (written := super().write(data)) is None:  # full, and set not to wait
                select.select([], [self], [])
            return written
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            self._failed(error)
            return len(data)


class _Needs:
    """Whether a command is of use without its output."""

    output = True


def install() -> None:
    """Puts such streams in the place of this process's own."""
    sys.stdout = _text(sys.stdout, _Stream(_STDOUT, _output_failed))
    # Of its own, since the one there is closes with its object.
    errors = _Stream(os.dup(sys.stderr.fileno()), lambda error: None)
    sys.stderr = _text(sys.stderr, errors, line_buffering=True)


def go_on_without() -> None:
    """Says that the command does something even where nobody reads what it prints."""
    _Needs.output = False


def flush() -> None:
    """Writes what is held back, while a failure can still be told.

    Raises:
        SystemExit: With code 2 and one line, if it is needed and cannot be written.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        print(f"keras-alexnet: {error}", file=sys.stderr)
        raise SystemExit(2) from error


def _text(like: Any, stream: _Stream, line_buffering: bool = False) -> io.TextIOWrapper:
    """What the encoding of the stream has no sign for is escaped."""
    if like is not None:  # else it was closed
        like.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(stream),
        encoding=None if like is None else like.encoding,
        errors="backslashreplace",
        line_buffering=line_buffering or stream.isatty(),
    )


def _output_failed(error: OSError) -> None:
    if not _Needs.output:
        print(
            "standard output must be read or have room; the command goes on without "
            f"it. Received: {error.strerror}",
            file=sys.stderr,
            flush=True,
        )
    elif isinstance(error, BrokenPipeError):
        raise SystemExit(0)  # the reader has what it wanted
    else:
        raise OSError(error.errno, error.strerror, "standard output") from error
