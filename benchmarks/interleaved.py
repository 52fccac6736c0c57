"""Times several cases in turns, so that noise of the machine affects all of them."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

Times = dict[str, np.ndarray]


def interleaved(cases: dict[str, Callable[[], object]], repetitions: int) -> Times:
    """Milliseconds of each repetition of each case, after one of each to warm up."""
    for run in cases.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(repetitions):
        for name, run in cases.items():
            began = time.perf_counter()
            run()
            times[name].append(1e3 * (time.perf_counter() - began))
    return {name: np.array(values) for name, values in times.items()}


def show(title: str, times: Times, unit: float = 1.0, word: str = "ms") -> None:
    """Prints the median of each case and, in brackets, its 10th to 90th percentile."""
    print(f"\n{title}")
    for name, values in times.items():
        low, median, high = np.percentile(values, [10, 50, 90]) * unit
        print(f"  {name:44} {median:8.2f} {word}  [{low:.2f} .. {high:.2f}]")


def ratio(
    times: Times,
    slow: str,
    fast: str,
    goal: float | None = None,
    at_most: float | None = None,
) -> None:
    """Prints the time of `slow` divided by that of `fast`, and the spread of turns.

    Args:
        times: The times of all cases.
        slow: Name of the case that should take longer.
        fast: Name of the case that should be faster.
        goal: The ratio should be at least this.
        at_most: The ratio should be at most this.
    """
    each = times[slow] / times[fast]
    low, high = np.percentile(each, [10, 90])
    value = np.median(times[slow]) / np.median(times[fast])
    judged = ""
    if goal is not None:
        judged = f"  (goal {goal}: {'met' if value >= goal else 'MISSED'})"
    if at_most is not None:
        judged = f"  (at most {at_most}: {'met' if value <= at_most else 'MISSED'})"
    print(f"  {slow} / {fast}: {value:.2f}  [{low:.2f} .. {high:.2f}]{judged}")
