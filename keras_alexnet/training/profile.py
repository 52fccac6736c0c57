"""The window of steps that TensorFlow's profiler watches."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf


def profile_window(steps: str) -> tuple[int, int] | None:
    """First and last step of `"20,30"`; None for `""`.

    Raises:
        ValueError: If it is not two whole numbers from 1 on, in order.
    """
    if not steps:
        return None
    parts = steps.split(",")
    if len(parts) == 2 and all(part.strip().isdecimal() for part in parts):
        first, last = map(int, parts)
        if 1 <= first <= last:
            return first, last
    raise ValueError(
        "profile_steps must be the first and the last step, from 1 on, as in 20,30. "
        f"Received: profile_steps={steps!r}"
    )


class Profiler:
    """Writes a profile of a window of steps, for TensorBoard.

    Args:
        steps: `"first,last"`, or `""` for none.
        logdir: Where TensorBoard looks.
    """

    def __init__(self, steps: str, logdir: str) -> None:
        self._window = profile_window(steps)
        self._logdir = logdir

    @contextlib.contextmanager
    def step(self, number: int) -> Iterator[None]:
        """Stands around the step of this number."""
        first, last = self._window or (None, None)
        if number == first:
            tf.profiler.experimental.start(self._logdir)
        with tf.profiler.experimental.Trace("train", step_num=number, _r=1):
            yield
        if number == last:
            self.close()

    def close(self) -> None:
        """Ends a profile that is under way, as when the run ends within it."""
        with contextlib.suppress(tf.errors.UnavailableError):  # None was.
            tf.profiler.experimental.stop()
