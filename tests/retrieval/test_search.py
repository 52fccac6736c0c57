"""Searches and codes, against NumPy in float64 and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from keras_alexnet.retrieval import codes, search
from keras_alexnet.retrieval.recall import held_out, measured


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """600 vectors in clusters, on few dimensions and some noise, none below 0."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(30, 12))
    points = centres[rng.integers(0, 30, 600)] + 0.3 * rng.normal(size=(600, 12))
    spread = points @ rng.normal(size=(12, 300)) + 0.05 * rng.normal(size=(600, 300))
    return np.maximum(spread, 0).astype(np.float32)


def brute_force(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    return np.sqrt(
        ((vectors.astype(np.float64) - query.astype(np.float64)) ** 2).sum(1)
    )


@pytest.mark.compat
@pytest.mark.parametrize("queries", [1, 40])
@pytest.mark.parametrize("cores", [1, 3, 1000])
def test_the_nearest_are_those_of_brute_force(
    vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch, queries: int, cores: int
) -> None:
    monkeypatch.setattr(search.os, "cpu_count", lambda: cores)
    asked = vectors[:queries] + np.float32(0.01)
    distances, places = search.nearest(vectors, asked, 6)
    for query, found, where in zip(asked, distances, places, strict=True):
        expected = brute_force(vectors, query)
        np.testing.assert_array_equal(where, np.argsort(expected, kind="stable")[:6])
        np.testing.assert_allclose(found, expected[where], rtol=1e-12)


def test_all_can_be_asked_for_and_equal_ones_keep_their_order() -> None:
    vectors = np.array([[1, 0], [0, 0], [1, 0], [0, 0]], np.float32)
    distances, places = search.nearest(vectors, np.zeros([1, 2], np.float32), 4)
    assert places.tolist() == [[1, 3, 0, 2]]
    assert distances.tolist() == [[0, 0, 1, 1]]


@pytest.mark.compat
def test_components_with_all_vectors_ranked_again_are_brute_force(
    vectors: np.ndarray,
) -> None:
    some = vectors[: search.RERANKED]
    coder = codes.fitted(codes.PCA, some, 0)
    asked = vectors[-5:]
    found = search.by_components(some, coder(some), asked, coder(asked), 6)
    for query, distances, where in zip(asked, *found, strict=True):
        expected = brute_force(some, query)
        np.testing.assert_array_equal(where, np.argsort(expected, kind="stable")[:6])
        np.testing.assert_allclose(distances, expected[where], rtol=1e-12)


def test_bits_are_compared_by_how_many_differ(vectors: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    stored, asked = (rng.integers(0, 256, (n, 32), np.uint8) for n in (500, 7))
    distances, places = search.nearest_bits(search.binary_index(stored), asked, 9)
    for query, found, where in zip(asked, distances, places, strict=True):
        expected = np.unpackbits(stored ^ query, axis=1).sum(axis=1)
        np.testing.assert_array_equal(found, np.sort(expected)[:9])
        np.testing.assert_array_equal(expected[where], found)


@pytest.mark.compat
def test_components_are_those_of_scikit_learn(vectors: np.ndarray) -> None:
    found = codes.principal_components(vectors, 20, seed=3)
    theirs = PCA(20, svd_solver="full").fit(vectors.astype(np.float64))
    np.testing.assert_allclose(found["mean"], theirs.mean_, rtol=1e-5)
    ours = found["components"].astype(np.float64)
    np.testing.assert_allclose(ours.T @ ours, np.eye(20), atol=1e-5)
    # The first ones, which noise does not turn into each other.
    dots = np.abs(np.sum(ours[:, :10] * theirs.components_[:10].T, axis=0))
    np.testing.assert_allclose(dots, 1, atol=1e-4)
    kept = np.var(codes.Projection(found)(vectors), axis=0, ddof=1)
    np.testing.assert_allclose(kept[:10], theirs.explained_variance_[:10], rtol=1e-3)


@pytest.mark.compat
def test_an_encoder_follows_from_its_seed(vectors: np.ndarray) -> None:
    one, same, other = (codes.fitted(codes.BINARY, vectors, s) for s in (5, 5, 6))
    for name, values in one.arrays.items():
        np.testing.assert_array_equal(values, same.arrays[name])
    assert (one(vectors) != other(vectors)).any()
    assert one(vectors).shape == (600, 32)
    signs = np.unpackbits(one(vectors), axis=1)
    assert 0.2 < signs.mean() < 0.8


def test_an_encoder_says_the_bits_of_its_formula(vectors: np.ndarray) -> None:
    coder = codes.fitted(codes.BINARY, vectors, 0)
    held = {name: each.astype(np.float64) for name, each in coder.arrays.items()}
    x = (vectors.astype(np.float64) - held["mean"]) @ held["components"] * held["scale"]
    hidden = np.maximum(x @ held["kernel1"] + held["bias1"], 0)
    code = hidden @ held["kernel2"] + held["bias2"]
    clear = np.abs(code) > 1e-4
    found = np.unpackbits(coder(vectors), axis=1).astype(bool)
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(found[clear], (code > 0)[clear])


@pytest.mark.parametrize("kind", [codes.PCA, codes.BINARY])
def test_the_recall_is_that_of_a_count(vectors: np.ndarray, kind: str) -> None:
    asked = np.arange(0, 600, 12)
    coder = codes.fitted(kind, np.delete(vectors, asked, axis=0), 0)
    stored = codes.encoded(coder, vectors)
    found = measured(kind, coder, vectors, stored, asked)
    assert (found["queries"], found["among"]) == (50, 599)
    hits = []
    for place in asked:
        others = np.delete(np.arange(600), place)
        right = others[np.argsort(brute_force(vectors, vectors[place])[others])[:6]]
        if kind == codes.PCA:
            apart = ((stored - stored[place]) ** 2).sum(axis=1)
        else:
            apart = np.unpackbits(stored ^ stored[place], axis=1).sum(axis=1)
        first = others[np.argsort(apart[others], kind="stable")]
        hits.append(np.isin(right, first[: 127 if kind == codes.PCA else 6]).mean())
    # Which of equal codes are among the first few is left to faiss.
    assert found["recall_at_6"] == pytest.approx(np.mean(hits), abs=0.03)
    if kind == codes.BINARY:
        assert found["recall_at_6"] > found["signs_at_6"]
        assert found["in_100"] > 0.9


def test_few_pictures_have_no_recall() -> None:
    assert (held_out(59), held_out(60), held_out(50000)) == (0, 6, 500)
