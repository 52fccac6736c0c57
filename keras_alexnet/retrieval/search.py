"""Searches many vectors or codes for the nearest, by faiss."""

from __future__ import annotations

import functools
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

Found = tuple[np.ndarray, np.ndarray]  # distances and places, `[queries, count]`
RERANKED = 128  # vectors whose own distances a search by components computes
_SPARE = 16  # candidates beyond those wanted: their float32 distances are rounded


@functools.cache
def faiss() -> Any:
    """The library.

    Raises:
        ValueError: If it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what its oldest versions import
            import faiss as found
    except ImportError as error:
        raise ValueError(
            "retrieval must have faiss; install it with pip install "
            f"'keras-alexnet[retrieval]'. Received: {error}"
        ) from error
    return found


def nearest(vectors: np.ndarray, queries: np.ndarray, count: int) -> Found:
    """The nearest vectors by Euclidean distance, computed in float64 for the last few.

    Args:
        vectors: float32 `[n, values]`, perhaps in a file that is mapped to memory.
        queries: float32 `[queries, values]`.
        count: How many are wanted, at most n.

    Returns:
        Distances, float64, and places; the nearest first, of equal ones the earlier.
    """
    places = candidates(vectors, queries, min(len(vectors), 2 * count + _SPARE))
    return ranked(vectors, queries, places, count)


def by_components(
    vectors: np.ndarray,
    codes: np.ndarray,
    queries: np.ndarray,
    projected: np.ndarray,
    count: int,
) -> Found:
    """The nearest vectors among those whose components are nearest.

    Args:
        vectors: As for `nearest`.
        codes: Their components, float32 `[n, components]`.
        queries: As for `nearest`.
        projected: Their components.
        count: As for `nearest`.

    Returns:
        As `nearest`: the distances are those of the vectors.
    """
    some = min(len(vectors), max(RERANKED, 2 * count))
    return ranked(vectors, queries, candidates(codes, projected, some), count)


def candidates(vectors: np.ndarray, queries: np.ndarray, count: int) -> np.ndarray:
    """Places of the nearest vectors by float32 distance: int64 `[queries, count]`.

    For few queries faiss uses one core for each. The vectors are divided, one part for
    each core.
    """
    queries = np.ascontiguousarray(queries, np.float32)
    parts = os.cpu_count() or 1
    parts = min(parts, len(vectors))
    edges = [number * len(vectors) // parts for number in range(parts + 1)]

    def of_part(number: int) -> Found:
        first, last = edges[number], edges[number + 1]
        part = np.asarray(vectors[first:last])
        distances, places = faiss().knn(queries, part, min(count, last - first))
        return distances, places + first

    with _threads(parts) as pool:
        found = list(pool.map(of_part, range(parts)))
    distances = np.concatenate([each[0] for each in found], axis=1)
    places = np.concatenate([each[1] for each in found], axis=1)
    return _first(distances, places, count)[1]


def ranked(
    vectors: np.ndarray, queries: np.ndarray, places: np.ndarray, count: int
) -> Found:
    """The nearest among some vectors, by their distance in float64."""
    distances = np.empty(places.shape)
    for row, (query, some) in enumerate(zip(queries, places, strict=True)):
        difference = np.asarray(vectors[some], np.float64) - query.astype(np.float64)
        distances[row] = np.sqrt(np.einsum("nv,nv->n", difference, difference))
    return _first(distances, places, count)


def binary_index(codes: np.ndarray) -> Any:
    """Codes, uint8 `[n, bytes]`, so that faiss can search them."""
    index = faiss().IndexBinaryFlat(8 * codes.shape[1])
    index.add(np.ascontiguousarray(codes))
    return index


def nearest_bits(index: Any, queries: np.ndarray, count: int) -> Found:
    """The nearest codes of a `binary_index` by the number of bits that differ."""
    with _threads(1) as pool:
        asked = np.ascontiguousarray(queries)
        distances, places = pool.submit(index.search, asked, count).result()
    return _first(distances, places, count)


def _threads(count: int) -> ThreadPoolExecutor:
    """Threads in which faiss uses one core each.

    Its own threads wait for each other within every search: where cores are busy, one
    that takes 0.04 ms takes 60. (The number holds for the thread that sets it alone.)
    """
    one = functools.partial(faiss().omp_set_num_threads, 1)
    return ThreadPoolExecutor(count, initializer=one)


def _first(distances: np.ndarray, places: np.ndarray, count: int) -> Found:
    """The first few by distance, and by place where distances are equal."""
    order = np.lexsort((places, distances), axis=1)[:, :count]
    return (
        np.take_along_axis(distances, order, axis=1),
        np.take_along_axis(places, order, axis=1),
    )
