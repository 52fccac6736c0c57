"""The line that shows how a run goes: alive on a terminal, plain elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

_PLAIN_EVERY = 15.0  # seconds between plain lines


class ProgressLine:
    """Shows step, loss, top-1, images/s, time to go and the share of data wait.

    Args:
        console: Where to show it: a live bar if it is a terminal, else a plain
            line every 15 seconds.
        first: Number of steps that were done before.
        total: Number of steps of the whole run.
    """

    def __init__(self, console: Console, first: int, total: int) -> None:
        self._console = console
        self._first, self._total = first, total
        self._began = self._spoke = time.monotonic()
        self._bar: Progress | None = None
        if console.is_terminal:
            # The text first: on a narrow terminal it is the bar that gives way.
            columns = (TextColumn("{task.fields[m]}"), BarColumn(bar_width=None))
            self._bar = Progress(*columns, console=console, transient=True, expand=True)
            self._task = self._bar.add_task("", total=total, completed=first, m="")

    def __enter__(self) -> ProgressLine:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(
        self, step: int, loss: float, top1: float, images_per_second: float, wait: float
    ) -> None:
        """Shows the state after `step` steps; means are over the epoch so far."""
        message = (
            f"step {step}/{self._total} loss {loss:.3f} top-1 {top1:.3f} "
            f"{images_per_second:.0f} images/s data wait {wait:.1%} "
            f"ETA {self._eta(step)}"
        )
        if self._bar is not None:
            self._bar.update(self._task, completed=step, m=message)
        elif time.monotonic() - self._spoke >= _PLAIN_EVERY:
            self._spoke = time.monotonic()
            self._console.print(message)

    def say(self, text: str) -> None:
        """Prints a line that stays."""
        self._console.print(text)

    def _eta(self, step: int) -> str:
        pace = (time.monotonic() - self._began) / max(1, step - self._first)
        minutes, seconds = divmod(int(pace * (self._total - step)), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
