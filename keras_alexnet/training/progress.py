"""The steps of an epoch as they go: their times, and the line that is shown."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator

from rich.console import Console

from keras_alexnet.live_line import LiveLine, clock
from keras_alexnet.terminal import say


class Stopwatch:
    """Times the steps of an epoch, without evaluation and checkpoints."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begins an epoch."""
        self._waited = self._worked = 0.0
        self._pictures = 0

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Times the body as waiting for data."""
        began = time.perf_counter()
        yield
        self._waited += time.perf_counter() - began

    @contextlib.contextmanager
    def working(self, pictures: int) -> Iterator[None]:
        """Times the body as work on this number of pictures."""
        began = time.perf_counter()
        yield
        self._worked += time.perf_counter() - began
        self._pictures += pictures

    @property
    def images_per_second(self) -> float:
        """Pictures per second of the whole time, waiting included; NaN before a step.

        A run that stopped at the end of an epoch resumes without a step of it.
        """
        return self._of_time(self._pictures)

    @property
    def data_wait(self) -> float:
        """Fraction of the time that was spent waiting for data; NaN before a step."""
        return self._of_time(self._waited)

    def _of_time(self, value: float) -> float:
        time = self._waited + self._worked
        return value / time if self._pictures and time else math.nan


class ProgressLine(LiveLine):
    """Shows step, loss, top-1, remaining time, images/s and fraction of data wait.

    Args:
        console: Where to show it.
        done: Number of steps that were done before.
        total: Number of steps of the whole run.
    """

    def __init__(self, console: Console, done: int, total: int) -> None:
        super().__init__(console)
        self._first, self._steps = done, total
        self._began = time.monotonic()

    def update(
        self, step: int, loss: float, top1: float, images_per_second: float, wait: float
    ) -> None:
        """Shows the state after a step.

        Args:
            step: Its number, from 1.
            loss: Mean of the epoch so far.
            top1: Mean of the epoch so far, from 0 to 1.
            images_per_second: Mean of the epoch so far.
            wait: Fraction of the time that was spent waiting for data.
        """
        pace = (time.monotonic() - self._began) / max(1, step - self._first)
        fields = [
            f"step {step}/{self._steps}",
            f"loss {loss:.3f}",
            f"top-1 {top1:.3f}",
            f"ETA {clock(pace * (self._steps - step))}",
            *speed(images_per_second, wait),
        ]
        self.show(fields, step, self._steps)

    def say(self, text: str) -> None:
        """Prints a line that stays."""
        say(self.console, text)


def speed(images_per_second: float, wait: float) -> list[str]:
    """The speed of steps in words; nothing before the first one."""
    if math.isnan(images_per_second):
        return []
    return [f"{images_per_second:.0f} images/s", f"data wait {wait:.1%}"]
