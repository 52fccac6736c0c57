"""Stopping on demand: SIGTERM and SIGINT let a step end, then a checkpoint is made."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

# sysexits.h: EX_TEMPFAIL, "try again": a run that was stopped can be taken up again.
STOPPED = 75
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(Exception):
    """A run was stopped on demand, its state saved.

    Args:
        step: Number of steps that are done and saved.
        name: Name of the signal.
    """

    def __init__(self, step: int, name: str) -> None:
        super().__init__(f"stopped by {name} after step {step}")
        self.step = step


class StopRequests:
    """Within it, the first SIGTERM or SIGINT is noted; a second SIGINT interrupts.

    Only Python's main thread can take signals: in another one nothing is noted.
    """

    def __init__(self) -> None:
        self.name: str | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequests:
        if threading.current_thread() is threading.main_thread():
            for each in _SIGNALS:
                self._before[each] = signal.signal(each, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def check(self) -> None:
        """Raises InterruptedError once a request has come: between two batches."""
        if self.name is not None:
            raise InterruptedError(self.name)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.name is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.name = signal.Signals(number).name
