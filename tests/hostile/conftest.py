"""Cases that could hang, abort or fill the memory run in processes with limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import limits
import pytest

Limited = Callable[[str, Sequence[Any]], list[limits.Outcome]]


@pytest.fixture(scope="session")
def limited() -> Limited:
    """Calls `case(argument)` of some code for each argument, in processes of their own.

    It asserts that none was killed, ran out of time, or took a GiB of memory.
    """

    def call(code: str, arguments: Sequence[Any]) -> list[limits.Outcome]:
        found = limits.outcomes(code, arguments, together=10)
        for argument, outcome in zip(arguments, found, strict=True):
            assert outcome.status == 0, (argument, outcome)
            assert outcome.beyond < limits.BEYOND, argument
        return found

    return call
