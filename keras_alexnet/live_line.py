"""A line of progress: redrawn on a terminal, printed now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

Line = TypeVar("Line", bound="LiveLine")
_PLAIN_EVERY = 15.0  # seconds between plain lines


class LiveLine:
    """Shows a text and a bar on a terminal, elsewhere the text every 15 seconds.

    Args:
        console: Where to show it.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._printed = time.monotonic()
        self._live = False
        # The text first: on a narrow terminal the bar shrinks.
        columns = (TextColumn("{task.fields[m]}"), BarColumn(bar_width=None))
        self._bar = Progress(*columns, console=console, transient=True, expand=True)
        self._task = self._bar.add_task("", total=None, m="")

    def __enter__(self: Line) -> Line:
        self._live = self.console.is_terminal
        if self._live:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:  # even if the terminal has gone since
            self._bar.stop()

    def show(self, text: str, done: int, total: int) -> None:
        """Shows the text, and `done` of `total` as a bar."""
        if self.console.is_terminal:
            self._bar.update(self._task, completed=done, total=total, m=text)
        elif time.monotonic() - self._printed >= _PLAIN_EVERY:
            self._printed = time.monotonic()
            self.console.print(text)


def clock(seconds: float) -> str:
    """Hours, minutes and seconds.

    Example:

    >>> clock(3723)
    '1:02:03'
    """
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
