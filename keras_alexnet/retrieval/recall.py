"""How many of the nearest vectors a search by codes finds."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_alexnet.retrieval.codes import BINARY, Coder, Projection, encoded
from keras_alexnet.retrieval.search import (
    binary_index,
    by_components,
    nearest,
    nearest_bits,
)

AT = 6  # as many as figure 4 of the paper shows
WITHIN = 100


def held_out(count: int) -> int:
    """How many vectors are queries, and not trained on; 0 if there are too few."""
    return min(500, count // 10) if count >= 10 * AT else 0


def measured(
    kind: str, coder: Coder, vectors: np.ndarray, codes: np.ndarray, asked: np.ndarray
) -> dict[str, Any]:
    """Recall at 6: the mean fraction of the six nearest that are among the six found.

    Args:
        kind: `"pca128"` or `"bits256"`.
        coder: Trained without the vectors that are asked.
        vectors: float32 `[n, values]`.
        codes: Of each vector.
        asked: Places of the vectors to search for; each is left out of what is found.

    Returns:
        `queries`, `among` and `recall_at_6`; for bits also `in_100`, the fraction that
        is among the 100 nearest by bits, and `signs_at_6`, the recall of the signs of
        the principal components, which are as many bits.
    """
    queries, few = vectors[asked], min(AT + 1, len(vectors))
    right = _others(nearest(vectors, queries, few)[1], asked)
    found: dict[str, Any] = {"queries": len(queries), "among": len(vectors) - 1}
    if kind != BINARY:
        places = by_components(vectors, codes, queries, codes[asked], few)[1]
        return {**found, "recall_at_6": _recall(right, _others(places, asked))}
    many = min(WITHIN + 1, len(vectors))
    by_bits = nearest_bits(binary_index(codes), codes[asked], many)[1]
    places_of_bits = _others(by_bits, asked)
    signs = np.packbits(encoded(Projection(coder.arrays), vectors) > 0, axis=1)
    by_signs = nearest_bits(binary_index(signs), signs[asked], few)[1]
    return {
        **found,
        "recall_at_6": _recall(right, [each[:AT] for each in places_of_bits]),
        "in_100": _recall(right, places_of_bits),
        "signs_at_6": _recall(right, _others(by_signs, asked)),
    }


def _others(places: np.ndarray, asked: np.ndarray) -> list[np.ndarray]:
    """The places without those that were asked for, as many for each."""
    wanted = places.shape[1] - 1
    pairs = zip(places, asked, strict=True)
    return [some[some != own][:wanted] for some, own in pairs]


def _recall(right: list[np.ndarray], found: list[np.ndarray]) -> float:
    hits = [np.isin(ours, theirs) for ours, theirs in zip(right, found, strict=True)]
    return float(np.mean(hits))
