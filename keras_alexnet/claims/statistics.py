"""From results of two arms over seeds and pictures to an interval and a verdict."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from keras_alexnet.reasons import must_be

SEEN, CONTRADICTED, UNDECIDED = "seen", "contradicted", "undecided"
LEVEL = 0.95  # of the intervals
POWER = 0.80  # with which the smallest effect is seen
_DRAWS = 4000


@dataclasses.dataclass(frozen=True)
class Difference:
    """By how much one arm exceeds another, and how sure that is.

    Args:
        mean: The mean difference.
        low: Lower end of the interval, of 95 %.
        high: Upper end.
        smallest: The smallest effect that data like these show in 80 % of cases.
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


def paired(differences: np.ndarray, seed: int = 0) -> Difference:
    """The mean over seeds and pictures of a paired difference, by bootstrap.

    Both arms were run with the same seeds and judged on the same pictures. Seeds and
    pictures are drawn anew, independently and with replacement, and the mean is taken
    over all pairs of a drawn seed and a drawn picture: the bootstrap of a table whose
    rows and columns both are random. A handful of seeds shows too little of their
    spread; so the draws are stretched about the mean by

        t(df) / z · √(V / V*),   V = S²ₛ / n + S²ₚ / m,   df = V² / Σ (Vᵢ² / dfᵢ)

    with the variances S² of the means of the n seeds and of the m pictures, V* that of
    the draws (never stretched by less than 1), and Satterthwaite's degrees of freedom.

    Args:
        differences: `[seeds, pictures]`, the first arm's result minus the second's.
        seed: Of the draws.

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
        - Satterthwaite: An approximate distribution of estimates of variance
          components, Biometrics 2(6), 1946.
    """
    table = np.asarray(differences, np.float64)
    if table.ndim != 2 or table.shape[1] < 2 or not np.isfinite(table).all():
        expected = "finite numbers [seeds, pictures], two pictures or more"
        raise must_be("differences", expected, table.shape)
    seeds, pictures = table.shape
    draws = np.random.default_rng(seed)
    rows = _drawn(draws, seeds)
    columns = _drawn(draws, pictures)
    means = np.einsum("ds,sp,dp->d", rows, table, columns, optimize=True)
    spread = float(means.std())
    parts = [(float(table.mean(axis=0).var(ddof=1)) / pictures, pictures - 1)]
    if seeds > 1:
        parts.append((float(table.mean(axis=1).var(ddof=1)) / seeds, seeds - 1))
    free = _degrees(parts)
    normal = _quantile(0.5 + LEVEL / 2, math.inf)
    stretch = _quantile(0.5 + LEVEL / 2, free) / normal
    if spread > 0:
        variance = sum(part for part, _ in parts)
        stretch *= max(1.0, math.sqrt(variance) / spread)
    mean = float(table.mean())
    ends = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) - means.mean()
    low, high = mean + stretch * ends
    smallest = stretch * spread * normal * _power_factor(free)
    return Difference(mean, float(low), float(high), smallest, seeds, pictures)


def of_seeds(differences: Sequence[float]) -> Difference:
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
    error = float(values.std(ddof=1)) / math.sqrt(count)
    half = error * _quantile(0.5 + LEVEL / 2, count - 1)
    smallest = half * _power_factor(count - 1)
    return Difference(mean, mean - half, mean + half, smallest, count, 0)


def _drawn(draws: np.random.Generator, count: int) -> np.ndarray:
    """How often each is drawn, as a fraction: `[draws, count]`."""
    return draws.multinomial(count, np.full(count, 1 / count), size=_DRAWS) / count


def _degrees(parts: list[tuple[float, int]]) -> float:
    variance = sum(part for part, _ in parts)
    uncertain = sum(part**2 / free for part, free in parts)
    return variance**2 / uncertain if uncertain > 0 else math.inf


def _power_factor(free: float) -> float:
    """The smallest effect over half of an interval's width."""
    half = _quantile(0.5 + LEVEL / 2, free)
    return (half + _quantile(POWER, free)) / half


def _quantile(probability: float, free: float) -> float:
    """Student's t, which is normal for infinitely many degrees of freedom."""
    if math.isinf(free):
        return float(special.ndtri(probability))
    return float(special.stdtrit(free, probability))
