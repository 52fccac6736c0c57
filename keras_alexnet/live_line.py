"""A line of progress: redrawn on a terminal, printed now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TextIO, TypeVar

from rich.console import Console
from rich.live import Live
from rich.text import Text

Line = TypeVar("Line", bound="LiveLine")
_PLAIN_EVERY = 15.0  # seconds between plain lines
_BAR = 8  # columns of the bar, at least


class LiveLine:
    """Shows fields and a bar on a terminal, elsewhere the fields every 15 seconds.

    The line is never wider than the terminal: the last fields are left out.

    Args:
        console: Where to show it.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._printed = time.monotonic()
        self._shown: tuple[Sequence[str], int, int] = ((), 0, 0)
        # A terminal that cannot move its cursor (TERM=dumb) has plain lines too.
        self._moves = console.is_terminal and not console.is_dumb_terminal
        self._started = False
        self._live = Live(
            console=console,
            transient=True,
            get_renderable=self._line,
            # What is printed meanwhile appears above the line, unless it does not go
            # to a terminal: then it must stay where it goes.
            redirect_stdout=_is_terminal(sys.stdout),
            redirect_stderr=_is_terminal(sys.stderr),
        )

    def __enter__(self: Line) -> Line:
        if self._moves:
            self._live.start()
            self._started = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._started:  # even if the terminal has gone since
            self._live.stop()

    def show(self, fields: Sequence[str], done: int, total: int | None) -> None:
        """Shows the fields, and `done` of `total` as a bar.

        Args:
            fields: The most important first.
            done: How much is done.
            total: How much there is to do; no bar is shown if it is not known.
        """
        if self._moves:
            self._shown = fields, done, total or 0
        elif time.monotonic() - self._printed >= _PLAIN_EVERY:
            self._printed = time.monotonic()
            self.console.print(Text(" ".join(fields)), soft_wrap=True)

    def _line(self) -> Text:
        # The last column stays free: in it some terminals begin the next line.
        return fitted(
            *self._shown,
            width=self.console.width - 1,
            ascii_only=self.console.options.ascii_only,
        )


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


def fitted(
    fields: Sequence[str], done: int, total: int, width: int, ascii_only: bool = False
) -> Text:
    """As many fields as there is room for, and a bar that needs no colours.

    Args:
        fields: The most important first.
        done: How much is done.
        total: How much there is to do; 0 for no bar.
        width: In columns.
        ascii_only: Whether the bar is of ASCII characters.

    Example:

    >>> fitted(["step 30/60", "loss 0.5", "ETA 0:00:09"], 30, 60, 28).plain
    'step 30/60 loss 0.5 ████░░░░'
    """
    room = width - (_BAR + 1 if total else 0)
    text = Text(no_wrap=True, overflow="crop")
    text.append(next(iter(fields), "")[:width])
    for field in fields[1:]:
        if len(text) + 1 + len(field) > room:
            break
        text.append(f" {field}")
    if total and len(text) <= room:
        length = width - len(text) - (1 if text else 0)
        full = length * min(done, total) // total
        one, other = "#-" if ascii_only else "█░"
        text.append(" " if text else "")
        text.append(one * full, style="bar.complete")
        text.append(other * (length - full), style="bar.back")
    return text


class PictureCount(LiveLine):
    """Shows pictures, percent, pictures a second, and the time to go.

    Args:
        console: Where to show it.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._first: int | None = None
        self._began = time.monotonic()

    def update(self, done: int, total: int) -> None:
        """Shows that `done` of `total` pictures are finished."""
        now = time.monotonic()
        if self._first is None:  # An earlier call may have done these.
            self._first, self._began = done, now
        fields = [f"{done:,}/{total:,} pictures", f"{done / max(total, 1):.0%}"]
        if done > self._first and now > self._began:
            speed = (done - self._first) / (now - self._began)
            fields += [
                f"ETA {clock((total - done) / speed)}",
                f"{speed:.0f} pictures/s",
            ]
        self.show(fields, done, total)


def clock(seconds: float) -> str:
    """Hours, minutes and seconds.

    Example:

    >>> clock(3723)
    '1:02:03'
    """
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
