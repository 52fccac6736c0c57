"""From results of two arms over seeds and pictures to an interval and a verdict."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_alexnet.claims.result import Comparison
from keras_alexnet.reasons import must_be

SEEN, CONTRADICTED, UNDECIDED = "seen", "contradicted", "undecided"
LEVEL = 0.95  # of the intervals
POWER = 0.80  # with which the smallest effect is seen


@dataclasses.dataclass(frozen=True)
class Difference:
    """By how much one arm exceeds another, and how sure that is.

    Args:
        mean: The mean difference.
        low: Lower end of its 95 % interval.
        high: Upper end.
        smallest: The effect that an experiment like this one shows in 80 % of cases.
        seeds: Number of seeds.
        pictures: Number of pictures; 0 where the result of a seed is one number.
    """

    mean: float
    low: float
    high: float
    smallest: float
    seeds: int
    pictures: int

    @property
    def verdict(self) -> str:
        """`"seen"` if the interval is above 0, `"contradicted"` if it is below."""
        if self.low > 0:
            return SEEN
        return CONTRADICTED if self.high < 0 else UNDECIDED


def check_installed() -> None:
    """Raises ValueError if scipy, which intervals need, is not installed."""
    _special()


def points(
    question: str,
    first: Any,
    second: Any,
    *,
    level: float = 0.0,
    paper: float | None = None,
) -> Comparison:
    """By how many of 100 pictures one arm is right more often than another.

    Args:
        question: What is compared, as `"dropout against none"`.
        first: Whether the first arm is right: `[seeds, pictures]`, 0 or 1.
        second: Whether the other one is, with the same seeds and pictures.
        level: The value above which the claim is seen: below 0 for one that the first
            arm is hardly worse.
        paper: The paper's figure.

    Returns:
        A `Comparison` by `paired`, in points.

    Raises:
        ValueError: If the tables differ in shape, or as `paired` raises it.

    Example:

    >>> right = np.random.default_rng(0).random([2, 5, 400]) < [[[0.8]], [[0.7]]]
    >>> points("wide against narrow", *right).verdict
    'seen'
    """
    tables = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if tables[0].shape != tables[1].shape:
        expected = f"of the first arm's shape {tables[0].shape}"
        raise must_be("second", expected, tables[1].shape)
    found = paired(100 * (tables[0] - tables[1]) - level)
    return _comparison(question, "points", found, level, paper)


def times(
    question: str,
    first: Sequence[float],
    second: Sequence[float],
    *,
    first_stopped: Sequence[bool] = (),
    second_stopped: Sequence[bool] = (),
    paper: float | None = None,
) -> Comparison:
    """How many times as much one arm takes as another: the mean of the logarithms.

    A run that was stopped before it was done counts with what it had taken until
    then. If such runs are the first arm's, the answer is a lower bound: its interval
    has no upper end, and `bound` is `"at least"`. If they are the second arm's, it is
    an upper bound, without a lower end. If there are some of both, there is no answer.

    Args:
        question: What is compared, as `"steps of tanh over those of ReLU"`.
        first: What the first arm took with each seed, more than 0.
        second: What the other one took with the same seeds.
        first_stopped: Which of the first arm's runs were stopped; none by default.
        second_stopped: Which of the second's were.
        paper: The paper's figure.

    Returns:
        A `Comparison` by `of_seeds`, in times. The smallest effect is that of runs
        whose logarithms have the spread of these.

    Raises:
        ValueError: If the arms differ in the number of seeds, or a number is not above
            0 and finite.

    Example:

    >>> found = times("tanh over ReLU", [600, 800], [100, 100], first_stopped=[0, 1])
    >>> f"{found.bound} {found.value:.1f}"
    'at least 6.9'
    """
    given = {"first": first, "second": second}
    arrays = {name: np.asarray(each, np.float64) for name, each in given.items()}
    for name, array in arrays.items():
        alike = array.shape == arrays["first"].shape
        if not alike or not np.isfinite(array).all() or not (array > 0).all():
            expected = "numbers above 0, one for each seed of both arms"
            raise must_be(name, expected, given[name])
    found = of_seeds(np.log(arrays["first"] / arrays["second"]))
    low, high, bound = found.low, found.high, ""
    if any(first_stopped):
        high, bound = math.inf, "at least"
    if any(second_stopped):
        low, bound = -math.inf, "at most"
    mean = found.mean
    if any(first_stopped) and any(second_stopped):
        mean, bound = math.nan, ""
    bounded = dataclasses.replace(found, mean=mean, low=low, high=high)
    compared = _comparison(question, "times", bounded, 0.0, paper)
    return dataclasses.replace(
        compared,
        value=_exp(mean),
        low=_exp(low),
        high=_exp(high),
        smallest=_exp(found.smallest) - 1,
        level=1.0,
        bound=bound,
    )


def numbers(
    question: str,
    unit: str,
    values: Sequence[float],
    *,
    level: float = 0.0,
    paper: float | None = None,
) -> Comparison:
    """Whether a number that each seed gives is above a level.

    Args:
        question: What is asked, as `"colour in one tower against chance"`.
        unit: Of the numbers.
        values: The number of each seed; of two arms, their difference.
        level: The value of no effect.
        paper: The paper's figure.

    Returns:
        A `Comparison` by `of_seeds`.

    Raises:
        ValueError: As `of_seeds` raises it.

    Example:

    >>> numbers("above one half", "share", [0.7, 0.72, 0.69], level=0.5).verdict
    'seen'
    """
    found = of_seeds(np.asarray(values, np.float64) - level)
    return _comparison(question, unit, found, level, paper)


def paired(differences: np.ndarray, seed: int = 0, draws: int = 2000) -> Difference:
    """The mean over seeds and pictures of a paired difference, by bootstrap.

    Both arms were run with the same seeds and judged on the same pictures. Seeds and
    pictures are drawn anew, independently and with replacement, and the mean is taken
    over all pairs of a drawn seed and a drawn picture (Owen 2007). The draws give the
    interval its shape: how much of it is below the mean. Of a handful of seeds they
    show too little spread, so its length is twice

        √(t²(n − 1) V_seeds + t²(m − 1) V_common)

    for n seeds and m pictures, with Student's t for each part. V_seeds is the variance
    of the seeds' means over n: all that differs from seed to seed. V_common is the mean
    covariance of two seeds over m: how pictures differ in what all seeds agree on, not
    below 0. The length is at least 2 t(m − 1) √V_pictures, with the variance of the
    pictures' means over m: that of the same networks on other pictures.

    Args:
        differences: `[seeds, pictures]`, the first arm's result minus the second's.
        seed: Of the draws.
        draws: How many there are.

    Returns:
        A `Difference`. With one seed the interval is over pictures alone: it holds for
        these two networks, not for others trained likewise.

    Raises:
        ValueError: If there are fewer than two pictures, or values are not finite.

    Example:

    >>> right = np.random.default_rng(0).random([2, 5, 400]) < [[[0.8]], [[0.7]]]
    >>> paired(right[0].astype(float) - right[1]).verdict
    'seen'

    References:
        - Owen: The pigeonhole bootstrap, Annals of Applied Statistics 1(2), 2007.
        - Searle, Casella, McCulloch: Variance Components, 1992, chapter 4: the parts
          of the variance of such a table.
    """
    table = np.asarray(differences, np.float64)
    if table.ndim != 2 or not len(table) or table.shape[1] < 2:
        expected = "[seeds, pictures], two pictures or more"
        raise must_be("differences", expected, table.shape)
    if not np.isfinite(table).all():
        raise must_be("differences", "finite numbers", differences)
    half, smallest = _half_length(table)
    below, above = _sides(table, np.random.default_rng(seed), draws)
    mean = float(table.mean())
    low, high = mean - 2 * half * below, mean + 2 * half * above
    return Difference(mean, low, high, smallest, *table.shape)


def of_seeds(differences: Sequence[float] | np.ndarray) -> Difference:
    """The mean of one difference a seed, with Student's interval.

    Args:
        differences: The first arm's result minus the second's, for each seed.

    Returns:
        A `Difference` without pictures. With one seed nothing is known of the spread:
        the interval is infinite.

    Raises:
        ValueError: If there is none, or one is not finite.

    Example:

    >>> of_seeds([1.9, 2.1, 2.0]).verdict
    'seen'
    """
    values = np.asarray(differences, np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise must_be("differences", "finite numbers, one or more", differences)
    count, mean = len(values), float(values.mean())
    if count == 1:
        return Difference(mean, -math.inf, math.inf, math.inf, 1, 0)
    variance = float(values.var(ddof=1)) / count
    half = _student(count - 1) * math.sqrt(variance)
    smallest = _smallest(half, variance, count - 1)
    return Difference(mean, mean - half, mean + half, smallest, count, 0)


def _half_length(table: np.ndarray) -> tuple[float, float]:
    """Half of the length of the interval of `paired`, and the smallest effect."""
    seeds, pictures = table.shape
    of_pictures = float(table.mean(axis=0).var(ddof=1)) / pictures
    least = _student(pictures - 1) * math.sqrt(of_pictures)
    if seeds == 1:
        return least, _smallest(least, of_pictures, pictures - 1)
    covariances = np.cov(table)
    pairs = seeds * (seeds - 1)
    common = float(covariances.sum() - covariances.trace()) / pairs / pictures
    parts = [
        (seeds - 1, float(table.mean(axis=1).var(ddof=1)) / seeds),
        (pictures - 1, max(0.0, common)),
    ]
    half = math.sqrt(sum(_student(free) ** 2 * part for free, part in parts))
    variance = sum(part for _, part in parts)
    # Satterthwaite's, of a sum of variances
    uncertain = sum(part**2 / free for free, part in parts)
    free = variance**2 / uncertain if uncertain > 0 else pictures - 1
    half = max(half, least)
    return half, _smallest(half, max(variance, of_pictures), free)


def _sides(
    table: np.ndarray, generator: np.random.Generator, draws: int
) -> tuple[float, float]:
    """The parts of an interval below and above its mean, by drawing; their sum is 1."""
    seeds, pictures = table.shape
    # Pictures with the same differences are drawn together: they are many.
    kinds, counts = np.unique(table, axis=1, return_counts=True)
    rows = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws)
    columns = generator.multinomial(pictures, counts / pictures, size=draws)
    means = np.einsum("dk,dk->d", rows @ kinds, columns) / table.size
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if high == low:
        return 0.5, 0.5
    below = float((table.mean() - low) / (high - low))
    return below, 1 - below


def _comparison(
    question: str, unit: str, found: Difference, level: float, paper: float | None
) -> Comparison:
    """The comparison of what was found above a level."""
    return Comparison(
        question,
        unit,
        value=found.mean + level,
        low=found.low + level,
        high=found.high + level,
        smallest=found.smallest,
        level=level,
        verdict=found.verdict,
        seeds=found.seeds,
        pictures=found.pictures,
        paper=paper,
    )


def _smallest(half: float, variance: float, free: float) -> float:
    """The effect that exceeds half an interval's length in 80 % of cases.

    By the non-central t distribution, since the length itself is uncertain.
    """
    if not variance:
        return half
    error = math.sqrt(variance)
    return error * float(_special().nctdtrinc(free, 1 - POWER, half / error))


def _student(free: float) -> float:
    """The quantile of Student's t that an interval's end has."""
    return float(_special().stdtrit(free, (1 + LEVEL) / 2))


def _exp(value: float) -> float:
    with np.errstate(over="ignore"):  # then it is infinite
        return float(np.exp(value))


@functools.cache
def _special() -> Any:
    try:
        from scipy import special
    except ImportError as error:
        raise ValueError(
            "claims must have scipy; install it with pip install "
            f"'keras-alexnet[claims]'. Received: {error}"
        ) from error
    return special
