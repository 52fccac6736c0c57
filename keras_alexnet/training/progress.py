"""The line that shows how a run goes."""

from __future__ import annotations

import time

from rich.console import Console

from keras_alexnet.live_line import LiveLine, clock


class ProgressLine(LiveLine):
    """Shows step, loss, top-1, images/s, time to go and the share of data wait.

    Args:
        console: Where to show it.
        first: Number of steps that were done before.
        total: Number of steps of the whole run.
    """

    def __init__(self, console: Console, first: int, total: int) -> None:
        super().__init__(console)
        self._first, self._total = first, total
        self._began = time.monotonic()

    def update(
        self, step: int, loss: float, top1: float, images_per_second: float, wait: float
    ) -> None:
        """Shows the state after `step` steps; means are over the epoch so far."""
        pace = (time.monotonic() - self._began) / max(1, step - self._first)
        text = (
            f"step {step}/{self._total} loss {loss:.3f} top-1 {top1:.3f} "
            f"{images_per_second:.0f} images/s data wait {wait:.1%} "
            f"ETA {clock(pace * (self._total - step))}"
        )
        self.show(text, step, self._total)

    def say(self, text: str) -> None:
        """Prints a line that stays."""
        self.console.print(text)
