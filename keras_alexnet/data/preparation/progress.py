"""The line that shows how far a preparation has come."""

from __future__ import annotations

import time

from rich.console import Console

from keras_alexnet.live_line import LiveLine, clock


class Counting(LiveLine):
    """Shows pictures, their share, how many a second, and the time to go.

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
        if self._first is None:  # What an earlier call has done tells no pace.
            self._first, self._began = done, now
        pace = (done - self._first) / max(now - self._began, 1e-9)
        text = f"{done:,}/{total:,} pictures {done / total:.0%}"
        if pace:
            text += f" {pace:.0f} pictures/s ETA {clock((total - done) / pace)}"
        self.show(text, done, total)
