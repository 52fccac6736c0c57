"""What counts as a whole number where a count is asked for."""

from __future__ import annotations

from numbers import Integral
from typing import Any


def is_whole(value: Any) -> bool:
    """Whether `value` is a whole number above 0 of any kind; a boolean is none."""
    return (
        isinstance(value, Integral) and not isinstance(value, bool) and int(value) > 0
    )
