"""Intervals and verdicts of claims: against SciPy, formulas, simulated experiments."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable

import numpy as np
import pytest
from scipy import integrate, stats

from keras_alexnet.claims import statistics

DRAWS = 100  # enough for verdicts, and fast


def _skewed(pictures: int, seed: int = 0) -> np.ndarray:
    """Differences of which few are not 0, nearly all of them above it."""
    drawn = np.random.default_rng(seed).random(pictures)
    return (drawn < 0.04).astype(float) - (drawn > 0.995)


def _length(found: statistics.Difference) -> float:
    return found.high - found.low


@pytest.mark.compat
def test_with_one_seed_it_is_the_bootstrap_over_pictures() -> None:
    values = np.random.default_rng(2).exponential(size=100)
    found = statistics.paired(values[None], draws=9999)
    expected = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=9999, random_state=1
    ).confidence_interval
    margin = 0.03 * _length(found)
    assert abs(found.low - expected.low) < margin
    assert abs(found.high - expected.high) < margin
    # They are skewed, and so is the interval.
    assert found.high - found.mean > 1.05 * (found.mean - found.low)


@pytest.mark.compat
@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("one seed", lambda values: values[None]),
        ("pictures alike", lambda values: np.tile(values[:, None], (1, 50))),
        ("seeds alike", lambda values: np.tile(values, (4, 1))),
    ],
)
def test_with_one_kind_of_spread_its_length_is_students(
    name: str, table: Callable[[np.ndarray], np.ndarray]
) -> None:
    values = np.random.default_rng(3).normal(1, 2, 7)
    found = statistics.paired(table(values))
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    assert _length(found) == pytest.approx(expected.high - expected.low, rel=1e-9)
    assert found.mean == pytest.approx(values.mean())


def _parts(table: np.ndarray) -> tuple[float, float]:
    """The variances of seeds and pictures by the sums of squares of two ways."""
    seeds, pictures = table.shape
    rows, columns, mean = table.mean(1), table.mean(0), table.mean()
    rest = sum(
        (table[i, j] - rows[i] - columns[j] + mean) ** 2
        for i, j in itertools.product(range(seeds), range(pictures))
    ) / ((seeds - 1) * (pictures - 1))
    of_seeds = sum((rows - mean) ** 2) / (seeds - 1) / seeds
    of_pictures = sum((columns - mean) ** 2) / (pictures - 1) / pictures
    return of_seeds, of_pictures - rest / (seeds * pictures)


@pytest.mark.compat
def test_its_length_adds_the_spreads_of_seeds_and_pictures() -> None:
    rng = np.random.default_rng(5)
    table = rng.normal(0, 3, (4, 1)) + rng.normal(0, 5, 60) + rng.normal(0, 1, (4, 60))
    of_seeds, common = _parts(table)
    quantiles = stats.t.ppf(0.975, [3, 59])
    expected = 2 * math.sqrt(quantiles[0] ** 2 * of_seeds + quantiles[1] ** 2 * common)
    assert _length(statistics.paired(table)) == pytest.approx(expected, rel=1e-9)


def test_its_shape_is_that_of_seeds_and_pictures_drawn_anew() -> None:
    table = np.stack([_skewed(60, seed) for seed in range(3)])
    rng = np.random.default_rng(7)
    means = [
        table[rng.integers(0, 3, 3)][:, rng.integers(0, 60, 60)].mean()
        for _ in range(4000)
    ]
    low, high = np.quantile(means, [0.025, 0.975])
    found = statistics.paired(table, draws=4000)
    below = (found.mean - found.low) / _length(found)
    assert below == pytest.approx((table.mean() - low) / (high - low), abs=0.03)
    assert below < 0.47


def test_seeds_that_agree_by_chance_do_not_hide_the_spread_of_pictures() -> None:
    right = np.zeros([2, 400])
    right[0, :20], right[1, 20:40], right[:, 40:70] = 1, 1, -1
    found = statistics.paired(right)
    pictures = stats.ttest_1samp(right.mean(axis=0), 0).confidence_interval()
    expected = pictures.high - pictures.low
    assert _length(found) == pytest.approx(expected, rel=1e-9)


def test_arms_that_agree_on_all_pictures_decide_nothing() -> None:
    found = statistics.paired(np.zeros([3, 50]))
    assert (found.low, found.high, found.verdict) == (0, 0, "undecided")


@pytest.mark.compat
@pytest.mark.parametrize("count", [2, 3, 5, 12])
def test_of_seeds_is_students_interval_and_its_power(count: int) -> None:
    values = np.random.default_rng(count).normal(1, 2, count)
    found = statistics.of_seeds(list(values))
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    free, error = count - 1, stats.sem(values)
    effect, end = found.smallest / error, stats.t.ppf(0.975, free)
    below, _ = integrate.quad(
        lambda chi: (
            stats.chi.pdf(chi, free)
            * stats.norm.cdf(end * chi / math.sqrt(free) - effect)
        ),
        *(0, math.inf),
    )
    assert below == pytest.approx(0.2, abs=1e-5)


@pytest.mark.compat
def test_one_seed_alone_decides_nothing() -> None:
    found = statistics.of_seeds([7.0])
    assert (found.low, found.high, found.smallest) == (-math.inf, math.inf, math.inf)
    assert found.verdict == "undecided"


def _experiment(
    rng: np.random.Generator,
    design: tuple[int, int, float, float, float],
    effect: float,
) -> np.ndarray:
    """Differences of two arms that disagree on some of the pictures.

    By `effect` the first is right more often, give or take the spreads of seeds and
    pictures.
    """
    seeds, pictures, disagree, of_seeds, of_pictures = design
    means = effect + rng.normal(0, of_seeds, (seeds, 1))
    means = means + rng.normal(0, of_pictures, pictures)
    disagree = np.maximum(disagree, abs(means))
    drawn = rng.random((seeds, pictures))
    better, worse = (disagree + means) / 2, (disagree - means) / 2
    return (drawn < better).astype(float) - (drawn > 1 - worse)


@pytest.mark.parametrize(
    ("count", "design"),
    [
        (1000, (1, 400, 0.20, 0.00, 0.05)),
        (1000, (2, 400, 0.20, 0.03, 0.05)),
        (600, (3, 800, 0.15, 0.03, 0.05)),
        (300, (5, 1000, 0.20, 0.00, 0.05)),
        (300, (5, 1000, 0.20, 0.03, 0.05)),
        (120, (5, 5000, 0.15, 0.01, 0.10)),
    ],
    ids=lambda each: str(each).replace(" ", ""),
)
def test_no_effect_is_seldom_seen_and_the_smallest_mostly(
    count: int, design: tuple[int, int, float, float, float]
) -> None:
    rng = np.random.default_rng(count)

    def verdicts(effect: float) -> tuple[list[str], float]:
        tables = (_experiment(rng, design, effect) for _ in range(count))
        found = [statistics.paired(table, draws=DRAWS) for table in tables]
        smallest = math.sqrt(np.mean([each.smallest**2 for each in found]))
        return [each.verdict for each in found], smallest

    none, smallest = verdicts(0.0)
    assert none.count("seen") <= 0.05 * count
    assert none.count("contradicted") <= 0.05 * count
    some, _ = verdicts(smallest)
    # Four standard errors of a frequency below 80 %, and as many above.
    margin = 4 * math.sqrt(0.8 * 0.2 / count)
    assert 0.8 - margin < some.count("seen") / count < 0.84 + margin


def test_points_are_differences_of_right_answers() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random([3, 500]) < 0.7, rng.random([3, 500]) < 0.5
    found = statistics.points("one against two", first, second, paper=2.0)
    expected = statistics.paired(100 * (first.astype(float) - second))
    assert (found.value, found.low, found.high) == (
        expected.mean,
        expected.low,
        expected.high,
    )
    assert found.value == pytest.approx(100 * (first.mean() - second.mean()))
    assert (found.unit, found.level, found.verdict) == ("points", 0, "seen")
    assert (found.seeds, found.pictures, found.paper) == (3, 500, 2.0)
    assert statistics.points("", second, first).verdict == "contradicted"


def test_points_are_held_against_their_level() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random([5, 900]) < 0.7, rng.random([5, 900]) < 0.7
    plain, hardly = (statistics.points("", first, second, level=x) for x in (0, -5))
    assert (plain.value, plain.low, plain.high) == pytest.approx(
        (hardly.value, hardly.low, hardly.high)
    )
    assert (plain.verdict, hardly.verdict, hardly.level) == ("undecided", "seen", -5)


def test_times_are_geometric_means() -> None:
    first, second = [600, 900, 700.5], [100, 120, 110]
    found = statistics.times("first over second", first, second)
    logarithms = np.log(np.divide(first, second))
    expected = stats.ttest_1samp(logarithms, 0).confidence_interval()
    assert found.value == pytest.approx(stats.gmean(np.divide(first, second)))
    assert (found.low, found.high) == pytest.approx(tuple(np.exp(expected)))
    assert (found.level, found.verdict, found.bound) == (1, "seen", "")
    reverse = statistics.times("second over first", second, first)
    assert reverse.low == pytest.approx(1 / found.high)
    assert reverse.verdict == "contradicted"


@pytest.mark.parametrize(
    ("stopped", "bound", "verdict"),
    [
        ({"first_stopped": [True, False, True]}, "at least", "seen"),
        ({"second_stopped": [False, False, True]}, "at most", "undecided"),
        (
            {"first_stopped": [True, False, False], "second_stopped": [False] * 3},
            "at least",
            "seen",
        ),
    ],
)
def test_runs_that_were_stopped_give_bounds(
    stopped: dict[str, list[bool]], bound: str, verdict: str
) -> None:
    arms = [300, 310, 320], [100, 100, 100]
    found, whole = (statistics.times("", *arms, **each) for each in (stopped, {}))
    assert (found.bound, found.verdict) == (bound, verdict)
    assert found.value == whole.value
    open_end = (whole.low, math.inf) if bound == "at least" else (0, whole.high)
    assert (found.low, found.high) == open_end


def test_runs_of_both_arms_that_were_stopped_give_no_answer() -> None:
    stopped = {"first_stopped": [True, True], "second_stopped": [False, True]}
    found = statistics.times("", [800, 800], [100, 100], **stopped)
    assert math.isnan(found.value)
    assert (found.low, found.high, found.verdict) == (0, math.inf, "undecided")


def test_one_seed_of_times_has_no_ends() -> None:
    found = statistics.times("", [800], [100])
    assert (found.low, found.high, found.smallest) == (0, math.inf, math.inf)
    assert found.value == pytest.approx(8)


def test_numbers_are_held_against_their_level() -> None:
    values = [0.71, 0.78, 0.7]
    found = statistics.numbers("above a half", "share", values, level=0.5)
    expected = stats.ttest_1samp(values, 0.5).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.level, found.verdict, found.pictures) == (0.5, "seen", 0)
    assert found.value == pytest.approx(np.mean(values))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: statistics.paired(np.zeros([3])), "two pictures or more"),
        (lambda: statistics.paired(np.zeros([3, 1])), "two pictures or more"),
        (lambda: statistics.paired(np.zeros([0, 9])), "two pictures or more"),
        (lambda: statistics.paired(np.full([2, 9], np.nan)), "finite numbers"),
        (lambda: statistics.of_seeds([]), "one or more"),
        (lambda: statistics.of_seeds([math.inf]), "finite numbers"),
        (
            lambda: statistics.points("", np.zeros([2, 9]), np.zeros([2, 8])),
            r"second must be of the first arm's shape \(2, 9\)",
        ),
        (lambda: statistics.times("", [1, 2], [1]), "second must be numbers above 0"),
        (lambda: statistics.times("", [0, 2], [1, 1]), "first must be numbers above"),
    ],
)
def test_what_is_no_table_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_without_scipy_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    statistics._special.cache_clear()
    with pytest.raises(ValueError, match=r"pip install 'keras-alexnet\[claims\]'"):
        statistics.check_installed()
    statistics._special.cache_clear()
