"""Mean picture and principal components of colour, from sums."""

from __future__ import annotations

import dataclasses

import numpy as np

from keras_alexnet.data.preparation.pixel_worker.sums import ColourSums


@dataclasses.dataclass(frozen=True)
class ColourComponents:
    """Mean and principal components of the colours of pixels, 0-255, R, G, B.

    Args:
        mean: Mean colour.
        eigenvalues: Of the covariance of pixels, the largest first.
        stddevs: Their square roots.
        vectors: Of length 1, a row each; its largest entry is positive.
    """

    mean: list[float]
    eigenvalues: list[float]
    stddevs: list[float]
    vectors: list[list[float]]


def mean_picture(sums: ColourSums, pictures: int) -> np.ndarray:
    """The mean of the pictures, float32 `[size, size, 3]`."""
    return (sums.pixels / pictures).astype(np.float32)


def colour_components(sums: ColourSums, pictures: int) -> ColourComponents:
    """Principal components: `C = E[x xᵀ] − E[x] E[x]ᵀ`, over all pixels.

    Args:
        sums: Over the pictures.
        pictures: How many they are.
    """
    count = pictures * sums.pixels.shape[0] ** 2
    totals = [int(total) for total in sums.pixels.sum((0, 1))]
    # In whole numbers of any size: the difference of the two terms loses nothing.
    covariance = [
        [
            (count * int(sums.products[i, j]) - totals[i] * totals[j]) / count**2
            for j in range(3)
        ]
        for i in range(3)
    ]
    values, columns = np.linalg.eigh(np.array(covariance))
    values, vectors = values[::-1].clip(0), columns.T[::-1]
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(1)[:, None], 1)
    return ColourComponents(
        mean=[total / count for total in totals],
        # Without the digits that another NumPy would compute otherwise.
        eigenvalues=values.round(6).tolist(),
        stddevs=np.sqrt(values).round(6).tolist(),
        vectors=(vectors * np.sign(largest)).round(9).tolist(),
    )
