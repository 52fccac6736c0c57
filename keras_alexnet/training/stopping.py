"""Stopping by a signal: the step ends, then a checkpoint is made."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

# sysexits.h: EX_TEMPFAIL, "try again": a run that was stopped can be resumed.
STOPPED = 75
# A terminal that is closed sends SIGHUP; Windows has none.
_SIGNALS = tuple(
    signal.Signals[name]
    for name in ("SIGTERM", "SIGINT", "SIGHUP")
    if name in signal.Signals.__members__
)


class Stopped(Exception):
    """A run was stopped by a signal, and its state saved.

    Args:
        step: Number of the last step that is done and saved, from 1.
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
        """Within the context the first signal is noted; a later SIGINT interrupts.

        A SIGHUP that is ignored, as under `nohup`, stays ignored. Only Python's main
        thread can handle signals: in another thread nothing is noted.
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
        """Raises InterruptedError if there was a request; called between batches."""
        if self.name is not None:
            raise InterruptedError(self.name)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.name is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.name = signal.Signals(number).name


def _to_ignore(number: signal.Signals) -> bool:
    """Whether this process was started to outlive its terminal, as by `nohup`.

    Only SIGHUP counts. SIGINT is ignored in every background job of a shell script,
    for another reason: Ctrl-C at the terminal is not meant for that job. A SIGINT that
    is sent to the process itself is.
    """
    ignored = signal.getsignal(number) == signal.SIG_IGN
    return number.name == "SIGHUP" and ignored
