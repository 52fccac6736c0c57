"""Colours of kernels and the split between towers, against known answers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from keras_alexnet.inspection import (
    apart_by_chance,
    colourfulness,
    colourfulness_through,
    rank_correlation,
    selectivity,
    sign_free,
    split,
)
from keras_alexnet.inspection.findings import KernelColours
from keras_alexnet.inspection.kernel_colours import sign_free_splits


def test_grey_opponent_random_and_empty_kernels() -> None:
    rng = np.random.default_rng(0)
    grey = rng.normal(size=(11, 11, 1, 5)).repeat(3, axis=2)
    np.testing.assert_allclose(colourfulness(grey), 0, atol=1e-12)
    opponent = rng.normal(size=(11, 11, 3, 5))
    opponent -= opponent.mean(axis=2, keepdims=True)
    np.testing.assert_allclose(colourfulness(opponent), 1, atol=1e-12)
    gaussian = rng.normal(size=(11, 11, 3, 96))
    assert colourfulness(gaussian).mean() == pytest.approx(2 / 3, abs=0.02)
    assert np.isnan(colourfulness(np.zeros((11, 11, 3, 1)))).all()
    # Neither the scale nor the order of the colours counts.
    np.testing.assert_allclose(
        colourfulness(-1e-6 * gaussian[:, :, ::-1]), colourfulness(gaussian)
    )


def test_what_chance_gives_is_the_mean_over_all_divisions() -> None:
    values, first = np.array([0.1, 0.4, 0.4, 0.7, 0.9, 0.95]), range(6)
    apart = [
        abs(roc_auc_score(np.isin(first, chosen), values) - 0.5)
        for chosen in itertools.combinations(first, 3)
    ]
    found = apart_by_chance(values, [0, 0, 0, 1, 1, 1], permutations=50_000)
    assert found == pytest.approx(np.mean(apart), abs=0.003)
    assert np.isnan(apart_by_chance([1.0, 2.0], [0, 0]))


def test_conv2_is_as_colourful_as_what_it_reads() -> None:
    kernels = np.zeros((5, 5, 2, 4))
    kernels[0, 0, 0, 0] = 3.0  # energy 9 of the first map, 1 of the second
    kernels[1, 1, 1, 0] = -1.0
    kernels[2, 2, 1, 1] = 5.0
    kernels[2, 2, 0, 2] = 1.0  # of the second group's maps
    found = colourfulness_through(kernels, [0.2, 0.8, 0.5, np.nan], groups=2)
    np.testing.assert_allclose(found, [(9 * 0.2 + 0.8) / 10, 0.8, 0.5, np.nan])
    with pytest.raises(ValueError, match=r"colours of \(3,\), groups=2"):
        colourfulness_through(kernels, [1, 2, 3], groups=2)


def test_the_selectivity_index_by_hand() -> None:
    colour = [[10.0, 6.0, 4.0], [5.0, 5.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 2.0]]
    grey = [[5.0, 3.0, 2.0], [0.0, 0.0, 7.0], [1.0, 0.0, 0.0], [2.0, 2.0, 2.0]]
    np.testing.assert_allclose(selectivity(colour, grey), [0.5, 1.0, np.nan, -0.5])


def test_the_area_is_that_of_the_curve() -> None:
    rng = np.random.default_rng(1)
    values = rng.integers(0, 20, 96).astype(float)  # with ties
    towers = rng.permutation(np.arange(96) // 40)
    area = split(values, towers, permutations=10).area
    assert area == pytest.approx(roc_auc_score(towers == 0, values))
    values[5] = np.nan
    known = ~np.isnan(values)
    area = split(values, towers, permutations=10).area
    assert area == pytest.approx(roc_auc_score(towers[known] == 0, values[known]))


def test_a_planted_split_is_found() -> None:
    towers = np.arange(96) // 48
    found = split(np.where(towers == 0, 0.9, 0.1) + np.arange(96) / 1e4, towers)
    assert found.area == 1
    assert found.p < 0.001
    low, middle, high = found.halves
    assert low < 0.45 < middle < 0.55 < high
    assert split(np.arange(96.0), towers).area == 0
    assert np.isnan(split([1.0, np.nan], [0, 1]).p)


def test_the_p_of_shuffles_is_uniform() -> None:
    rng = np.random.default_rng(9)
    values, towers = rng.normal(size=96), np.arange(96) // 48
    found = [
        split(rng.permutation(values), towers, permutations=400, seed=seed).p
        for seed in range(400)
    ]
    assert stats.kstest(found, "uniform").pvalue > 0.05
    exact = stats.mannwhitneyu(values[:48], values[48:], method="exact").pvalue
    assert split(values, towers).p == pytest.approx(exact, abs=0.02)


def test_splits_of_opposite_signs_add_up_without_their_sign() -> None:
    rng = np.random.default_rng(4)
    towers = np.arange(96) // 48
    noise = rng.normal(size=(3, 96))
    runs = [
        (sign * (towers - 0.5) + noise[i], towers) for i, sign in enumerate((1, -1, 1))
    ]
    apart, p = sign_free(runs)
    areas = [roc_auc_score(towers == 0, values) for values, _ in runs]
    assert apart == pytest.approx(np.mean(np.abs(np.array(areas) - 0.5)))
    assert p < 0.001
    assert sign_free([(each, towers) for each in noise])[1] > 0.05
    assert np.isnan(sign_free([([np.nan, 1.0], [0, 1])])).all()


def test_networks_of_other_towers_are_no_part_of_the_sign_free_value() -> None:
    def colours(towers: int) -> tuple[KernelColours, ...]:
        values = np.arange(8.0)
        return tuple(
            KernelColours(layer, towers, None, values, values, {})
            for layer in ("conv1", "conv2")
        )

    assert sign_free_splits([colours(2), colours(1)]) == {}
    found = sign_free_splits([colours(2), colours(1), colours(2)])
    assert found["conv1 colourfulness"][0] == 0.5
    assert sorted(found) == sorted(
        f"{layer} {value}"
        for layer in ("conv1", "conv2")
        for value in ("colourfulness", "selectivity")
    )


def test_the_rank_correlation_is_scipys() -> None:
    rng = np.random.default_rng(5)
    first = rng.integers(0, 9, (12, 12))
    second = first + rng.integers(0, 9, (12, 12))
    expected = stats.spearmanr(first.ravel(), second.ravel()).statistic
    assert rank_correlation(first, second) == pytest.approx(expected)
    assert np.isnan(rank_correlation(first, np.zeros((12, 12))))
