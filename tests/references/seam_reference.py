"""The seam written straight from its formula, in float64 NumPy, map by map."""

from __future__ import annotations

import numpy as np

from keras_alexnet.ops import LRN


def normalized(x: np.ndarray, lrn: LRN, towers: int = 1) -> np.ndarray:
    """Local response normalisation within each of equal towers."""
    channels, out = x.shape[-1], np.empty(x.shape, np.float64)
    width = channels // towers
    scale = lrn.alpha / lrn.size if lrn.alpha_mode == "mean" else lrn.alpha
    for f in range(channels):
        first = f - lrn.size // 2
        window = [
            g
            for g in range(first, first + lrn.size)
            if 0 <= g < channels and g // width == f // width
        ]
        energy = sum(x[..., g].astype(np.float64) ** 2 for g in window)
        out[..., f] = x[..., f] * (lrn.k + scale * energy) ** -lrn.beta
    return out


def pooled(
    x: np.ndarray, size: tuple[int, int], strides: tuple[int, int]
) -> np.ndarray:
    """Max pooling without padding."""
    rows = (x.shape[1] - size[0]) // strides[0] + 1
    columns = (x.shape[2] - size[1]) // strides[1] + 1
    out = np.empty((x.shape[0], rows, columns, x.shape[3]))
    for r, c in np.ndindex(rows, columns):
        top, left = r * strides[0], c * strides[1]
        patch = x[:, top : top + size[0], left : left + size[1]]
        out[:, r, c] = patch.max(axis=(1, 2))
    return out


def crossed(
    maps: list[np.ndarray],
    lrn: LRN | None,
    relu: bool = True,
    first: bool = True,
    pool: tuple[tuple[int, int], tuple[int, int]] | None = None,
) -> np.ndarray:
    """The joined towers after the stages that are on."""
    towers = []
    for x in maps:
        y = x.astype(np.float64)
        y = np.maximum(y, 0) if relu and first else y
        y = normalized(y, lrn) if lrn is not None else y
        y = np.maximum(y, 0) if relu and not first else y
        towers.append(pooled(y, *pool) if pool is not None else y)
    return np.concatenate(towers, axis=-1)
