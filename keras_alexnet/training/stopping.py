"""Stopping on demand: a signal lets a step end, then a checkpoint is made."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

# sysexits.h: EX_TEMPFAIL, "try again": a run that was stopped can be taken up again.
STOPPED = 75
# SIGHUP is what a terminal that is closed sends; Windows has none.
_SIGNALS = tuple(
    signal.Signals[name]
    for name in ("SIGTERM", "SIGINT", "SIGHUP")
    if name in signal.Signals.__members__
)


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
    """Whether a run was asked to stop, and by which signal."""

    def __init__(self) -> None:
        self.name: str | None = None

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        """Within it, the first signal is noted; a SIGINT after that interrupts.

        A SIGHUP that is ignored, as under `nohup`, stays ignored. Only Python's main
        thread can take signals: in another one nothing is noted.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        taken = [each for each in _SIGNALS if not _to_ignore(each)]
        before = {each: signal.signal(each, self._note) for each in taken}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def check(self) -> None:
        """Raises InterruptedError once a request has come: between two batches."""
        if self.name is not None:
            raise InterruptedError(self.name)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.name is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.name = signal.Signals(number).name


def _to_ignore(number: signal.Signals) -> bool:
    """Whether whoever started this process wants it to outlive its terminal.

    SIGINT is ignored in every background job of a shell's script, for another reason:
    that the terminal's Ctrl-C is not for it. Sent by number, it is.
    """
    ignored = signal.getsignal(number) == signal.SIG_IGN
    return number.name == "SIGHUP" and ignored
