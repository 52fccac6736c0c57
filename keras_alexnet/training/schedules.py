"""The learning rate as a function of the step."""

from __future__ import annotations

import math

SCHEDULES = ("constant", "cosine")


def learning_rate(
    step: int, *, schedule: str, highest: float, warmup_steps: int, total_steps: int
) -> float:
    """Returns the learning rate of a step.

    After a linear rise over `warmup_steps` it is `highest` (`"constant"`), or
    `highest · (1 + cos(π · t)) / 2` with t going from 0 to 1 (`"cosine"`).

    Args:
        step: Number of the step, from 0.
        schedule: `"constant"` or `"cosine"`.
        highest: Rate after the rise.
        warmup_steps: Length of the rise; 0 for none.
        total_steps: Steps of the whole run.

    Returns:
        The rate.

    Raises:
        ValueError: If the schedule is unknown.

    Example:

    >>> learning_rate(
    ...     50, schedule="cosine", highest=0.1, warmup_steps=0, total_steps=100)
    0.05
    """
    if schedule not in SCHEDULES:
        raise ValueError(
            f"schedule must be one of {SCHEDULES}. Received: schedule={schedule!r}"
        )
    if step < warmup_steps:
        return highest * (step + 1) / warmup_steps
    if schedule == "constant":
        return highest
    done = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return highest * (1 + math.cos(math.pi * min(1.0, done))) / 2
