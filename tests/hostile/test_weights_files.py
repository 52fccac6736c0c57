"""Files of weights that somebody else wrote: read right, or refused in one line."""

from __future__ import annotations

import random
from pathlib import Path
from types import ModuleType

import hostile_checkpoints
import hostile_keras_files
import hostile_other_weights
import hostile_pickles
import limits
import pytest

pytestmark = pytest.mark.compat

# How many files of each kind, and which of them are as they should be.
KINDS = {
    hostile_pickles: (150, (0, 1)),
    hostile_keras_files: (60, (0, 2)),
    hostile_checkpoints: (120, (0, 1)),
    hostile_other_weights: (100, (0, 1, 2)),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_file_hangs_grows_or_is_taken_for_another(
    tmp_path: Path, kind: ModuleType
) -> None:
    count, honest = KINDS[kind]
    arguments = kind.cases(tmp_path, random.Random(22), count)
    found = limits.outcomes(kind.CASE, arguments, together=100)
    assert [found[index].judged for index in honest] == [limits.RIGHT] * len(honest)
    for argument, outcome in zip(arguments, found, strict=True):
        assert outcome.judged not in limits.FAULTS, (argument, outcome)
    refused = sum(outcome.judged == limits.REFUSED for outcome in found)
    assert refused > count // 2
