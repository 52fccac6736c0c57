"""Where the time of training goes: steps, and waiting for data."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator


class Stopwatch:
    """Times the steps of an epoch, evaluation and checkpoints left out."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begins an epoch."""
        self._waited = self._worked = 0.0
        self._pictures = 0

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Times what stands within as waiting for data."""
        began = time.perf_counter()
        yield
        self._waited += time.perf_counter() - began

    @contextlib.contextmanager
    def working(self, pictures: int) -> Iterator[None]:
        """Times what stands within as work on so many pictures."""
        began = time.perf_counter()
        yield
        self._worked += time.perf_counter() - began
        self._pictures += pictures

    @property
    def images_per_second(self) -> float:
        """Pictures over all time, waiting included."""
        return self._pictures / max(self._waited + self._worked, 1e-9)

    @property
    def data_wait(self) -> float:
        """Share of the time that went into waiting for data."""
        return self._waited / max(self._waited + self._worked, 1e-9)
