"""How colourful kernels are, and how that differs between towers (figure 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_alexnet.inspection.findings import Split
from keras_alexnet.inspection.ranks import ranks_of
from keras_alexnet.whole_numbers import whole_number

_PERMUTATIONS = 10_000
_TIE = 1e-9  # areas nearer than this are equal


def colourfulness(kernels: Any) -> np.ndarray:
    """How much of each kernel is colour and not grey.

    `c = 1 − Σ (r + g + b)² / 3 / Σ (r² + g² + b²)`, the sums over the places of a
    kernel: 1 less the part of its energy along the grey axis (1, 1, 1)/√3. It is 0 for
    grey kernels, 1 for those that sum to 0 over the colours everywhere, and 2/3 on
    average for random ones, since two of the three axes are colours.

    Args:
        kernels: `[height, width, 3, count]`, of finite numbers.

    Returns:
        float64 `[count]`, 0 to 1; NaN for kernels that are 0 everywhere.

    Raises:
        ValueError: If the kernels do not read three channels.

    Example:

    >>> kernels = np.ones((11, 11, 3, 2))
    >>> kernels[..., :, 1] = [1, -1, 0]  # red against green
    >>> colourfulness(kernels).tolist()
    [0.0, 1.0]
    """
    kernels = _of_four_axes(kernels)
    if kernels.shape[2] != 3:
        raise ValueError(
            "kernels must be [height, width, 3, count]. "
            f"Received: shape={kernels.shape}"
        )
    grey = (kernels.sum(axis=2) ** 2).sum(axis=(0, 1)) / 3
    return 1 - _ratio(grey, (kernels**2).sum(axis=(0, 1, 2)))


def colourfulness_through(kernels: Any, colours: Any, groups: int = 1) -> np.ndarray:
    """How colourful the maps are that each kernel of a later layer reads.

    The mean of the colourfulness of the maps before it, each weighted by the energy of
    the weights with which the kernel reads that map: `Σ_m e_m c_m / Σ_m e_m`,
    `e_m = Σ w²` over the places. A definition of this project, for `conv2`: its
    kernels have no colours of their own.

    Args:
        kernels: `[height, width, maps / groups, count]`.
        colours: `[maps]`, of the maps that they read; those that are NaN do not count.
        groups: Into how many the maps and the kernels are divided: each kernel reads
            the maps of its own group alone.

    Returns:
        float64 `[count]`; NaN where nothing is read that counts.

    Raises:
        ValueError: If the shapes do not fit.

    Example:

    >>> colourfulness_through(np.ones((5, 5, 1, 4)), [0.0, 1.0], groups=2).tolist()
    [0.0, 0.0, 1.0, 1.0]
    """
    kernels, colours = _of_four_axes(kernels), np.asarray(colours, np.float64)
    groups = whole_number("groups", groups)
    _, _, maps, count = kernels.shape
    if colours.shape != (maps * groups,) or count % groups:
        raise ValueError(
            "colours must be of all maps that the kernels read, and groups must divide "
            f"the kernels. Received: kernels of {kernels.shape}, colours of "
            f"{colours.shape}, groups={groups}"
        )
    energy = (kernels**2).sum(axis=(0, 1)).reshape(maps, groups, count // groups)
    own = colours.reshape(groups, maps).T[:, :, None]
    known = np.isfinite(own)
    weighed = np.where(known, energy * np.where(known, own, 0), 0).sum(axis=0)
    return _ratio(weighed, np.where(known, energy, 0).sum(axis=0)).ravel()


def selectivity(original: Any, grey: Any) -> np.ndarray:
    """The colour selectivity index of units: how much less they give without colour.

    `1 − Σ a' / Σ a`, where a are the unit's outputs for the patches that excite it most
    and a' those for the same patches in grey. Near 0 it does not need colour, at 1 it
    gives nothing without; below 0 grey excites it more.

    The published index sums over 100 patches, and its code makes them grey along the
    first principal component of their colours. `keras_alexnet.inspection.findings`
    takes nine, and the mean of R, G and B.

    Args:
        original: `[…, patches]`, the outputs for the patches; those of 0 or less do not
            count.
        grey: `[…, patches]`, for the same patches in grey.

    Returns:
        float64 `[…]`; NaN for units that have no patch that excites them.

    Raises:
        ValueError: If the shapes differ.

    Example:

    >>> selectivity([[4.0, 2.0]], [[2.0, 1.0]]).tolist()
    [0.5]

    Reference:
        - Rafegas, Vanrell: Color encoding in biologically-inspired convolutional neural
          networks, Vision Research 151, 2018; Rafegas, Vanrell, Alexandre, Arias:
          Understanding trained CNNs by indexing neuron selectivity, Pattern Recognition
          Letters 136, 2020; github.com/CVC-CIC/nefesi, color_index.py.
    """
    original, grey = np.asarray(original, np.float64), np.asarray(grey, np.float64)
    if original.shape != grey.shape or not original.ndim:
        raise ValueError(
            "original and grey must be outputs for the same patches, [..., patches]. "
            f"Received: shapes {original.shape} and {grey.shape}"
        )
    counted = original > 0
    return 1 - _ratio(
        np.where(counted, grey, 0).sum(axis=-1),
        np.where(counted, original, 0).sum(axis=-1),
    )


def split(
    values: Any, towers: Any, permutations: int = _PERMUTATIONS, seed: int = 0
) -> Split:
    """How the values of the first tower differ from those of the others.

    The area under the curve, `(R − n (n + 1) / 2) / (n m)`, with the sum R of the ranks
    of the first tower's n values among all n + m: the probability that a value of the
    first tower is the larger one of a pair (Mann and Whitney's U, divided by n m). Its
    p is the fraction of permutations whose area is as far from 1/2, or farther, the
    given one counted among them, so that p is never 0.

    Args:
        values: `[count]`; those that are NaN are left out.
        towers: `[count]`, the tower of each: 0 for the first.
        permutations: How many to draw.
        seed: Of the permutations.

    Returns:
        A `Split`; its areas and p are NaN if a side has no values.

    Raises:
        ValueError: If the shapes differ, or `permutations` is not above 0.

    Example:

    >>> split([0.9, 0.8, 0.1, 0.2], [0, 0, 1, 1]).area
    1.0

    Reference:
        - Mann, Whitney: On a Test of Whether one of Two Random Variables is
          Stochastically Larger than the Other, 1947.
    """
    ranks, first = _ranked(values, towers)
    permutations = whole_number("permutations", permutations)
    count = int(first.sum())
    if count in (0, len(ranks)):
        nothing = float("nan")
        return Split(nothing, nothing, (nothing,) * 3, permutations)
    rng = np.random.default_rng(seed)
    area = float(_area(ranks[first].sum(), count, len(ranks)))
    drawn = _drawn_areas(ranks, count, permutations, rng)
    half = len(ranks) // 2
    halves = drawn if half == count else _drawn_areas(ranks, half, permutations, rng)
    low, middle, high = np.quantile(halves, (0.025, 0.5, 0.975)).tolist()
    p = _p(np.abs(drawn - 0.5), abs(area - 0.5))
    return Split(area, p, (low, middle, high), permutations)


def sign_free(
    runs: Sequence[tuple[Any, Any]], permutations: int = _PERMUTATIONS, seed: int = 0
) -> tuple[float, float]:
    """How far apart the towers are over several runs, whichever of them has more.

    Which tower becomes the colourful one is chance: areas of several runs would cancel.
    Their mean `|area − 1/2|` does not; its p is by permutation within each run.

    Args:
        runs: Values and towers of each run, as `split` takes them. Runs in which a side
            has no values are left out.
        permutations: How many to draw.
        seed: Of the permutations.

    Returns:
        The mean, 0 to 1/2, and its p; NaN if no run is left.

    Raises:
        ValueError: As `split`.

    Example:

    >>> apart, _ = sign_free([([2, 1], [0, 1]), ([1, 2], [0, 1])])
    >>> apart
    0.5
    """
    permutations = whole_number("permutations", permutations)
    rng = np.random.default_rng(seed)
    found, drawn = [], []
    for values, towers in runs:
        ranks, first = _ranked(values, towers)
        count = int(first.sum())
        if count in (0, len(ranks)):
            continue
        found.append(abs(_area(ranks[first].sum(), count, len(ranks)) - 0.5))
        drawn.append(np.abs(_drawn_areas(ranks, count, permutations, rng) - 0.5))
    if not found:
        return float("nan"), float("nan")
    mean = float(np.mean(found))
    return mean, _p(np.mean(drawn, axis=0), mean)


def apart_by_chance(
    values: Any, towers: Any, permutations: int = _PERMUTATIONS, seed: int = 0
) -> float:
    """The mean `|area − 1/2|` of a run whose values were dealt out at random.

    Args:
        values: As for `split`.
        towers: As for `split`.
        permutations: How many to draw.
        seed: Of the permutations.

    Returns:
        From 0 to 1/2; NaN if a side has no values.

    Raises:
        ValueError: As `split`.

    Example:

    >>> apart_by_chance([1, 2], [0, 1])  # always one before the other
    0.5
    """
    permutations = whole_number("permutations", permutations)
    ranks, first = _ranked(values, towers)
    count = int(first.sum())
    if count in (0, len(ranks)):
        return float("nan")
    rng = np.random.default_rng(seed)
    drawn = _drawn_areas(ranks, count, permutations, rng)
    return float(np.abs(drawn - 0.5).mean())


def _ranked(values: Any, towers: Any) -> tuple[np.ndarray, np.ndarray]:
    """The ranks of the values, and which of them are of the first tower."""
    values, towers = np.asarray(values, np.float64), np.asarray(towers)
    if values.ndim != 1 or values.shape != towers.shape:
        raise ValueError(
            "values and towers must be [count], a tower for each value. "
            f"Received: shapes {values.shape} and {towers.shape}"
        )
    known = ~np.isnan(values)
    return ranks_of(values[known]), towers[known] == 0


def _area(sums: Any, first: int, count: int) -> Any:
    return (sums - first * (first + 1) / 2) / (first * max(count - first, 1))


def _drawn_areas(
    ranks: np.ndarray, first: int, permutations: int, rng: np.random.Generator
) -> np.ndarray:
    """Areas when the first tower has random values."""
    areas: np.ndarray = np.empty(permutations)
    rows = max(1, 2**20 // len(ranks))  # at a time, for bounded memory
    for start in range(0, permutations, rows):
        count = min(rows, permutations - start)
        drawn = rng.permuted(np.tile(ranks, (count, 1)), axis=1)
        sums = drawn[:, :first].sum(axis=1)
        areas[start : start + count] = _area(sums, first, len(ranks))
    return areas


def _p(drawn: np.ndarray, found: float) -> float:
    return (1 + int((drawn >= found - _TIE).sum())) / (1 + len(drawn))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part / whole`; NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)


def _of_four_axes(kernels: Any) -> np.ndarray:
    kernels = np.asarray(kernels, np.float64)
    if kernels.ndim != 4:
        raise ValueError(
            "kernels must be [height, width, maps, count]. "
            f"Received: shape={kernels.shape}"
        )
    return kernels
