"""Waiting for an input pipeline, by arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from keras_alexnet.claims.measures import waiting


@pytest.mark.parametrize("buffer", [1, 2, 5])
@pytest.mark.parametrize("step", [0.25, 1.0, 2.0, 3.0])
def test_with_equal_times_the_slower_side_decides(buffer: int, step: float) -> None:
    found = waiting.waiting_part([2.0] * 400, step, buffer)
    assert found == pytest.approx(max(0.0, 1 - step / 2.0), abs=0.01)


def test_it_is_what_a_clock_of_small_ticks_says() -> None:
    times = np.random.default_rng(0).integers(1, 12, 60)
    step, buffer = 6, 2
    # Both sides a tick at a time: `ready` batches, the rest of the one being made.
    ready, made, left, busy, taken, waited = 0, 0, 0, 0, 0, 0
    while taken < len(times):
        if not left and made < len(times) and ready < buffer:
            left = times[made]
            made += 1
        if not busy and ready:
            ready, busy, taken = ready - 1, step, taken + 1
            continue
        if not busy and taken >= buffer:
            waited += 1
        busy = max(0, busy - 1)
        if left:
            left -= 1
            ready += not left
    expected = waited / (waited + step * (len(times) - buffer))
    assert waiting.waiting_part(times, step, buffer) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("speed", "verdict"), [(10.0, "seen"), (1000.0, "contradicted")]
)
def test_augmentation_is_free_where_the_pipeline_is_faster(
    speed: float, verdict: str
) -> None:
    rng = np.random.default_rng(1)
    found = {
        "crops, mirroring": rng.uniform(0.9, 1.1, [3, 50]),
        "none": rng.uniform(0.4, 0.6, [3, 50]),
    }
    measured = waiting.measured(found, batch_size=100, speed=speed)
    (compared,) = measured.comparisons
    assert compared.verdict == verdict
    rate = np.median(5000 / found["none"].sum(axis=1))
    facts = measured.facts
    assert facts["pictures a second of the pipeline, none"] == pytest.approx(
        rate, abs=0.1
    )
    lines = measured.chart.series
    assert lines["crops, mirroring #2"] == sorted(lines["crops, mirroring #2"])
    assert (np.array(lines["crops, mirroring"]) >= lines["none"]).all()
