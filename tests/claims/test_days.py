"""The paper's days by arithmetic, against products counted by hand and its figures."""

from __future__ import annotations

import pytest

from keras_alexnet.architectures.anatomy import anatomy
from keras_alexnet.claims.measures import days


def test_operations_are_those_of_three_products_but_one_for_the_pictures() -> None:
    # side², kernel² · maps that a unit reads, units: the paper, section 3.5.
    layers = [
        (55**2 * 11**2 * 3 * 96, 2),
        (27**2 * 5**2 * 48 * 256, 3),
        (13**2 * 3**2 * 256 * 384, 3),
        (13**2 * 3**2 * 192 * 384, 3),
        (13**2 * 3**2 * 192 * 256, 3),
        (9216 * 4096, 3),
        (4096 * 4096, 3),
        (4096 * 1000, 3),
    ]
    expected = 2 * sum(products * passes for products, passes in layers)
    assert days.operations(anatomy("paper")) == expected


def test_five_to_six_days_are_less_than_a_third_of_the_peak() -> None:
    found = days.measured(images_per_second=30.0)
    (compared,) = found.comparisons
    at_peak = days.operations(anatomy("paper")) * 90 * 1.2e6 / (2 * 1.581e12)
    assert compared.low == pytest.approx(at_peak / (6 * 86400), rel=1e-3)
    assert compared.high == pytest.approx(at_peak / (5 * 86400), rel=1e-3)
    assert compared.low < compared.value < compared.high
    assert compared.verdict == "seen"
    assert found.facts["days of this machine"] == pytest.approx(
        90 * 1.2e6 / 30 / 86400, abs=0.01
    )


@pytest.mark.parametrize(
    ("operations", "verdict"),
    [
        (10**9, "contradicted"),  # less than a tenth
        (14 * 10**8, "undecided"),
        (4 * 10**9, "seen"),
        (14 * 10**9, "undecided"),
        (10**11, "contradicted"),  # more than the peak
    ],
)
def test_the_verdict_is_that_of_the_whole_range(operations: int, verdict: str) -> None:
    found = days.Days(operations, days.EPOCHS * days.PICTURES)
    assert days.part_of_peak(found).verdict == verdict
