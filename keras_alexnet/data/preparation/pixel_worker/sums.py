"""Sums over pictures, for the mean and the covariance of their colours."""

from __future__ import annotations

import numpy as np


class ColourSums:
    """Sums of pixels and of products of colours, exact and in bounded memory.

    All are whole numbers, so that adding them in another order, or in parts, gives the
    same bits.

    Args:
        size: Side of the pictures.

    Attributes:
        pixels: uint64 `[size, size, 3]`, the sum of the pictures.
        products: uint64 `[3, 3]`, `Σ x xᵀ` over the colours x of all pixels.

    Example:

    >>> sums = ColourSums(1)
    >>> sums.add(np.array([[[1, 2, 3]]], np.uint8))
    >>> sums.products[1]
    array([2, 4, 6], dtype=uint64)
    """

    def __init__(self, size: int) -> None:
        self.pixels: np.ndarray = np.zeros((size, size, 3), np.uint64)
        self.products: np.ndarray = np.zeros((3, 3), np.uint64)

    def add(self, picture: np.ndarray) -> None:
        """Adds a picture, uint8 `[size, size, 3]`."""
        # Whole numbers below 2^53, size² · 255², which float64 holds exactly.
        colours: np.ndarray = picture.reshape(-1, 3).astype(np.float64)
        self.pixels += picture
        self.products += (colours.T @ colours).astype(np.uint64)

    def merge(self, pixels: np.ndarray, products: np.ndarray) -> None:
        """Adds the sums over other pictures."""
        self.pixels += pixels
        self.products += products
