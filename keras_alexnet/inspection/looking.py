"""Finds out all that a report on a network holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from keras_alexnet.classifier import Classifier
from keras_alexnet.data import Source
from keras_alexnet.inspection.findings import Findings

Watch = Callable[[int, int], object]


def look(
    classifier: Classifier,
    source: Source,
    *,
    units: Sequence[str | tuple[str, int]] = (),
    compare: Sequence[Classifier] = (),
    limit: int = 1000,
    seed: int = 0,
    watch: Watch | None = None,
) -> Findings:
    """Measures what a network has learnt, on the pictures of a data set."""
    raise NotImplementedError
