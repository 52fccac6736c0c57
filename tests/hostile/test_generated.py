"""Generated hostile cases of every kind: each is right, or refused in one line."""

from __future__ import annotations

import importlib
from pathlib import Path

import kinds
import limits
import pytest

SEED = 22


@pytest.mark.parametrize("name", kinds.OTHERS)
def test_no_case_is_a_fault(name: str, tmp_path: Path) -> None:
    kind = importlib.import_module(name)
    counts, wrong = limits.faults(kind, tmp_path, SEED, kinds.OTHERS[name])
    assert not wrong, wrong[:3]
    assert counts[limits.REFUSED] > 0.4 * kinds.OTHERS[name]
    assert counts[limits.RIGHT] > 0  # the first of each kind is what is honest
