"""Whether what somebody gives as pictures or as labels can be that.

Errors for what cannot be used; warnings for values that no picture of 0-255 has. A
warning is for what is certain: dark, flat and black pictures have none. (That red and
blue are exchanged cannot be seen in the values.)
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import tensorflow as tf

from keras_alexnet.reasons import must_be, warn_caller
from keras_alexnet.whole_numbers import entries

# Lanczos' and cubic interpolation overshoot: near edges they give values below 0 and
# beyond 255, but few that are this far off.
_OVERSHOOT = 60
_FEW = 0.01  # of all values
_SMALL = 3  # scaled pictures are within a few standard deviations


def warn_of_values(x: Any) -> None:
    """Warns if numbers cannot be those of a picture in 0-255; in a graph never.

    Args:
        x: An array, or a tensor; whatever else is not looked at.

    Warns:
        UserWarning: If they are in 0-1, were prepared already, are beyond 255, or are
            not finite. The warning points to the line that called this package.

    Example:

    >>> warn_of_values(np.zeros([8, 8, 3]))
    >>> warn_of_values(np.random.rand(8, 8, 3))  # doctest: +SKIP
    UserWarning: pictures must be of 0-255; these are of 0-1: multiply them by 255
    """
    if tf.is_tensor(x):
        if not hasattr(x, "numpy"):  # in a graph
            return
        x = x.numpy()
    if not isinstance(x, np.ndarray) or x.dtype == np.uint8 or not x.size:
        return
    fault = _fault(x)
    if fault is not None:
        warn_caller(f"pictures must have values of 0-255, R, G, B; {fault}")


def _fault(x: np.ndarray) -> str | None:
    """Why these are no values of 0-255; None if they can be."""
    if x.dtype.kind not in "fiu" and x.dtype.name != "bfloat16":
        return None
    whole = x.dtype.kind in "iu"
    least, most = float(x.min()), float(x.max())
    if not np.isfinite([least, most]).all():
        return "these have some that are not finite: look for what made them"
    if whole and (least < 0 or most > 255):
        return "these have others: give uint8, or 16 bits divided by 256"
    if least < 0 and (_often(x < -_OVERSHOOT) or _around_zero(x, least, most)):
        return (
            "these are around 0, as of pictures that were prepared already: give "
            "them as they were before"
        )
    if most > 255 and _often(x > 255 + _OVERSHOOT):
        return "these have larger ones: divide those of 16 bits by 256"
    # Whole numbers up to 1 are a black picture.
    if not whole and least >= 0 and 0 < most <= 1 and (x % 1 != 0).any():
        return "these are in 0-1: multiply them by 255"
    return None


def _often(these: np.ndarray) -> bool:
    return float(these.mean()) > _FEW


def _around_zero(x: np.ndarray, least: float, most: float) -> bool:
    """Whether the mean, or the scale, is that of prepared pictures."""
    mean = float(x.mean(dtype=np.float64))
    return mean < -1 or (most <= _SMALL and least < -0.5)


def check_prepared(x: Any, expected: Any) -> None:
    """Raises ValueError for pictures that cannot be a network's input, by their shape.

    Args:
        x: Pictures, as Keras takes them; only those with a shape can be checked.
        expected: Shape of the network's input.
    """
    first = x
    if isinstance(x, (list, tuple)):
        first = x[0] if x else None
    if first is None or isinstance(first, (str, bytes, os.PathLike, int, float)):
        raise must_be(
            "x",
            "prepared pictures; keras_alexnet.load_pictures(paths, recipe) makes them",
            x,
        )
    shape, wanted = getattr(x, "shape", None), entries(expected)
    if shape is None or wanted is None or len(wanted) != 4 or wanted[-1] == 1:
        return
    given = entries(shape)  # None for a tensor of unknown rank
    if given is None:
        return
    fits = len(given) == 4 and all(
        None in pair or pair[0] == pair[1]
        for pair in zip(given[1:], wanted[1:], strict=True)
    )
    if not fits:
        raise ValueError(
            f"x must be prepared pictures of shape {wanted}, as keras_alexnet."
            f"load_pictures(pictures, recipe) makes them. Received: shape={given}"
        )


def check_labels(y: Any) -> None:
    """Raises ValueError for labels that are text."""
    dtype = getattr(y, "dtype", None)
    if dtype is None and isinstance(y, (list, tuple)) and len(y):
        dtype = np.asarray(y[0]).dtype
    kind = str(getattr(dtype, "name", dtype))
    if isinstance(y, (str, bytes, os.PathLike, int, float)):
        raise must_be("y", "an array of labels, one for each picture", y)
    first = y[0] if kind == "object" and len(y) else None
    if kind.startswith(("str", "bytes")) or isinstance(first, (str, bytes)):
        raise ValueError(
            "y must be numbers: each label as its position in the list of names, "
            f"names.index(label). Received: labels of type {kind}"
        )
