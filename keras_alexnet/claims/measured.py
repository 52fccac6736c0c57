"""What the experiment of a claim measured, before it is written down."""

from __future__ import annotations

import dataclasses

from keras_alexnet.claims.result import Chart, Comparison


@dataclasses.dataclass(frozen=True)
class Measured:
    """What an experiment measured.

    Args:
        comparisons: The first is the claim's own.
        chart: The claim's own chart.
        results: For each arm one number a seed.
        unit: Of these.
        facts: Further numbers, by name.
    """

    comparisons: tuple[Comparison, ...]
    chart: Chart
    results: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    unit: str = ""
    facts: dict[str, float] = dataclasses.field(default_factory=dict)
