"""The line that shows how far a count has come."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

_PLAIN_EVERY = 15.0  # seconds between plain lines


class Counting:
    """Shows pictures, their share, how many a second, and the time to go.

    Args:
        console: Where to show it: a live bar if it is a terminal, else a plain line
            every 15 seconds.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._first: int | None = None
        self._began = self._spoke = time.monotonic()
        # The text first: on a narrow terminal it is the bar that gives way.
        columns = (TextColumn("{task.fields[m]}"), BarColumn(bar_width=None))
        self._bar = Progress(*columns, console=console, transient=True, expand=True)
        self._task = self._bar.add_task("", total=None, m="")

    def __enter__(self) -> Counting:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def update(self, done: int, total: int) -> None:
        """Shows that `done` of `total` pictures are finished."""
        now = time.monotonic()
        if self._first is None:  # What an earlier call has done tells no pace.
            self._first, self._began = done, now
        pace = (done - self._first) / max(now - self._began, 1e-9)
        message = f"{done:,}/{total:,} pictures {done / total:.0%}"
        if pace:
            message += f" {pace:.0f} pictures/s ETA {_clock((total - done) / pace)}"
        if self._console.is_terminal:
            self._bar.update(self._task, completed=done, total=total, m=message)
        elif now - self._spoke >= _PLAIN_EVERY:
            self._spoke = now
            self._console.print(message)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
