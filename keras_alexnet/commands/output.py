"""Standard output and standard error of a command, when they cannot be written.

A reader ends (`| head`), a disk is full, a terminal cannot show "×": none of these may
end a training run or print a traceback.
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
    """A descriptor that is redirected to /dev/null after its first failed write.

    Args:
        descriptor: Its number.
        failed: Called with the error of the write; it may raise an error itself.
    """

    def __init__(self, descriptor: int, failed: Callable[[OSError], None]) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._failed = failed

    def write(self, data: Any) -> Any:
        try:
            while (written := super().write(data)) is None:  # full, and non-blocking
                select.select([], [self], [])
            return written
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            self._failed(error)
            return len(data)


class _Needs:
    """Whether the command needs its output to be of use."""

    output = True


def install() -> None:
    """Replaces the streams of this process by those that survive failed writes."""
    sys.stdout = _text(sys.stdout, _Stream(_STDOUT, _output_failed))
    # A copy of the descriptor: the old stream closes its own.
    errors = _Stream(os.dup(sys.stderr.fileno()), lambda error: None)
    sys.stderr = _text(sys.stderr, errors, line_buffering=True)


def go_on_without() -> None:
    """Declares that the command is of use even if nobody reads its output."""
    _Needs.output = False


def flush() -> None:
    """Writes what is buffered, while a failure can still be reported.

    Raises:
        SystemExit: With code 2 and one line, if the output is needed and cannot be
            written.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        print(f"keras-alexnet: {error}", file=sys.stderr)
        raise SystemExit(2) from error


def _text(like: Any, stream: _Stream, line_buffering: bool = False) -> io.TextIOWrapper:
    """A text stream that escapes the characters that its encoding lacks."""
    if like is not None:  # None: it was closed
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
            "standard output must be read or have room; the command continues without "
            f"it. Received: {error.strerror}",
            file=sys.stderr,
            flush=True,
        )
    elif isinstance(error, BrokenPipeError):
        raise SystemExit(0)  # the reader has read enough
    else:
        raise OSError(error.errno, error.strerror, "standard output") from error
