"""Neighbours, centroids and calibration, against others' and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestCentroid

from keras_alexnet.inspection import (
    chance,
    nearest,
    nearest_centroid,
    neighbours,
    precision,
    reliability,
    separation,
)

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (90, 8, 8, 3)).astype(np.uint8)
FEATURES = (1e4 + RNG.normal(size=(90, 50))).astype(np.float32)  # far from 0


@pytest.mark.parametrize("vectors", [PIXELS, FEATURES], ids=["pixels", "features"])
@pytest.mark.parametrize("block", [2**24, 700])
def test_neighbours_are_those_of_brute_force(
    vectors: np.ndarray, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "_BLOCK", block)
    asked, among = vectors[:30], vectors[20:]
    indices, distances = nearest(asked, among)
    flat = [each.reshape(len(each), -1).astype(np.float64) for each in (asked, among)]
    exact = np.sqrt(((flat[0][:, None] - flat[1][None]) ** 2).sum(axis=2))
    np.testing.assert_array_equal(indices, np.argsort(exact, axis=1)[:, :6])
    np.testing.assert_allclose(distances, np.sort(exact, axis=1)[:, :6], rtol=1e-12)
    # Those that are in both find themselves.
    np.testing.assert_array_equal(indices[20:, 0], range(10))
    np.testing.assert_array_equal(distances[20:, 0], 0)


def test_equal_vectors_come_in_their_order_and_few_are_enough() -> None:
    indices, distances = nearest(np.zeros((1, 3)), np.ones((4, 3)), count=9)
    assert indices.tolist() == [[0, 1, 2, 3]]
    np.testing.assert_allclose(distances, np.sqrt(3))
    with pytest.raises(ValueError, match=r"shapes \(1, 3\) and \(4, 2\)"):
        nearest(np.zeros((1, 3)), np.ones((4, 2)))


def test_precision_and_chance_by_hand() -> None:
    among = np.array([0, 0, 0, 1, 2])
    assert precision([[0, 3], [3, 4]], among, [0, 1]) == pytest.approx(2 / 4)
    assert chance(among, [0, 1, 9]) == pytest.approx((3 / 5 + 1 / 5 + 0) / 3)
    # Drawn at random, neighbours reach it.
    drawn = RNG.integers(0, 5, (20000, 6))
    assert precision(drawn, among, np.zeros(20000)) == pytest.approx(3 / 5, abs=0.01)


@pytest.mark.compat
def test_the_nearest_centroid_is_sklearns() -> None:
    classes = RNG.integers(3, 9, 90)
    found = nearest_centroid(FEATURES[:60], classes[:60], FEATURES[60:])
    reference = NearestCentroid().fit(FEATURES[:60].astype(np.float64), classes[:60])
    np.testing.assert_array_equal(found, reference.predict(FEATURES[60:]))
    right = reference.score(FEATURES[60:], classes[60:])
    assert separation(
        FEATURES[:60], classes[:60], FEATURES[60:], classes[60:]
    ) == pytest.approx(right)
    centroids = reference.centroids_
    nearest_of_all = pairwise_distances(FEATURES[60:], centroids).argmin(axis=1)
    np.testing.assert_array_equal(found, np.unique(classes[:60])[nearest_of_all])


def test_reliability_by_hand() -> None:
    confidence = [0.2, 0.3, 0.55, 0.6, 0.6, 1.0, 0.0]
    right = [False, True, True, False, True, True, False]
    found = reliability(confidence, right, bins=5)
    assert found.edges == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert found.counts.tolist() == [2, 1, 3, 0, 1]
    np.testing.assert_allclose(found.confidence, [0.1, 0.3, 1.75 / 3, np.nan, 1])
    np.testing.assert_allclose(found.accuracy, [0, 1, 2 / 3, np.nan, 1])
    gaps = 2 * 0.1 + 1 * 0.7 + 3 * abs(2 / 3 - 1.75 / 3) + 0
    assert found.error == pytest.approx(gaps / 7)
    assert np.isnan(reliability([], []).error)
    with pytest.raises(ValueError, match=r"0 to 1\. Received: 3\.0"):
        reliability([3.0], [True])
