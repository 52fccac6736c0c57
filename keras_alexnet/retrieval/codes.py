"""Short codes of vectors: principal components, and bits of an autoencoder."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from keras_alexnet.retrieval.autoencoder import BITS, HIDDEN, trained_encoder

NONE, PCA, BINARY = "none", "pca128", "bits256"
KINDS = (NONE, PCA, BINARY)
_COMPONENTS = {PCA: 128, BINARY: 256}
_SPARE = 32  # directions beyond those that are wanted, for the iteration
_ITERATIONS = 4
_ROWS = 10000  # of the vectors that the components are found from
_FEW = 8  # vectors that are projected one by one
_AT_ONCE = 4096  # vectors encoded at a time
Arrays = dict[str, np.ndarray]


class Coder(abc.ABC):
    """Turns vectors into codes.

    Args:
        arrays: What it is made of, by name, as `fitted` makes them.
    """

    names: ClassVar[tuple[str, ...]]

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.arrays = {name: np.asarray(arrays[name], order="F") for name in self.names}

    @abc.abstractmethod
    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """The codes of float32 `[n, values]`."""

    @staticmethod
    @abc.abstractmethod
    def shapes(values: int, components: int) -> dict[str, tuple[int, ...]]:
        """The shapes of its arrays for vectors of so many values."""


class Projection(Coder):
    """Principal components: `(x − mean) · components`, float32 `[n, components]`."""

    names = ("mean", "components")

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        centred = np.asarray(vectors, np.float32) - self.arrays["mean"]
        if len(centred) <= _FEW:
            return _row_by_row(centred, self.arrays["components"])
        return centred @ self.arrays["components"]

    @staticmethod
    def shapes(values: int, components: int) -> dict[str, tuple[int, ...]]:
        return {"mean": (values,), "components": (values, components)}


class Bits(Coder):
    """Signs of an encoder's 256 outputs: uint8 `[n, 32]`, the first bit the highest.

    The encoder reads the principal components, scaled to a mean square of 1:
    `relu(p · kernel1 + bias1) · kernel2 + bias2 > 0`.
    """

    names = (*Projection.names, "scale", "kernel1", "bias1", "kernel2", "bias2")

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        held = self.arrays
        x = np.asarray(vectors, np.float32) - held["mean"]
        x = _row_by_row(x, held["components"]) * held["scale"]
        hidden = np.maximum(_row_by_row(x, held["kernel1"]) + held["bias1"], 0)
        code = _row_by_row(hidden, held["kernel2"]) + held["bias2"]
        return np.packbits(code > 0, axis=1)

    @staticmethod
    def shapes(values: int, components: int) -> dict[str, tuple[int, ...]]:
        return {
            **Projection.shapes(values, components),
            "scale": (1,),
            "kernel1": (components, HIDDEN),
            "bias1": (HIDDEN,),
            "kernel2": (HIDDEN, BITS),
            "bias2": (BITS,),
        }


CODERS: dict[str, type[Coder]] = {PCA: Projection, BINARY: Bits}


def _row_by_row(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The product, each row for itself: one has the same bits alone and among others.

    On one core, as a product of so few numbers is best: where cores are busy, waiting
    for another one takes many times longer than the product. Matrices are stored so
    that their columns are contiguous.
    """
    return np.einsum("nv,kv->nk", rows, matrix.T)


def components_of(kind: str, count: int, values: int) -> int:
    """How many components a kind of code reads, or as many as there can be.

    Example:

    >>> components_of("pca128", 50000, 4096), components_of("pca128", 20, 4096)
    (128, 19)
    """
    return max(1, min(_COMPONENTS[kind], count - 1, values))


def fitted(kind: str, sample: np.ndarray, seed: int) -> Coder:
    """The coder of a kind for vectors like these.

    Args:
        kind: `"pca128"` or `"bits256"`.
        sample: float32 `[n, values]`.
        seed: Of the iteration's start, the encoder's first weights and the order of
            its training.
    """
    wanted = components_of(kind, *sample.shape)
    projection = Projection(principal_components(sample[:_ROWS], wanted, seed))
    if kind == PCA:
        return projection
    projected = projection(sample)
    scale = 1 / max(float(np.sqrt(np.mean(np.square(projected)))), 1e-12)
    encoder = trained_encoder(projected * np.float32(scale), seed)
    return Bits(
        {**projection.arrays, "scale": np.array([scale], np.float32), **encoder}
    )


def principal_components(sample: np.ndarray, wanted: int, seed: int) -> Arrays:
    """Mean and the first principal components, by subspace iteration.

    Args:
        sample: float32 `[n, values]`.
        wanted: How many components.
        seed: Of the first directions.

    Returns:
        `mean` `[values]` and `components` `[values, components]`, float32, orthonormal,
        that of the largest variance first.

    Reference:
        - Halko, Martinsson and Tropp 2011, "Finding structure with randomness",
          algorithm 4.4.
    """
    values = sample.shape[1]
    mean = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = np.asarray(sample, np.float32) - mean
    tried = min(wanted + _SPARE, values)
    basis = np.random.default_rng(seed).standard_normal((values, tried), np.float32)
    for _ in range(_ITERATIONS):
        basis, _ = np.linalg.qr(centred.T @ (centred @ basis))
    inner = (centred @ basis).astype(np.float64)
    variances, turn = np.linalg.eigh(inner.T @ inner)
    order = np.argsort(-variances)[:wanted]
    components = (basis @ turn[:, order]).astype(np.float32)
    return {"mean": mean, "components": components}


def encoded(coder: Coder, vectors: np.ndarray) -> np.ndarray:
    """The codes of many vectors, which may be in a file that is mapped to memory."""
    parts = range(0, len(vectors), _AT_ONCE)
    return np.concatenate([coder(vectors[at : at + _AT_ONCE]) for at in parts])
