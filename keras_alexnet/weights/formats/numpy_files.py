"""The `.npy` files of caffe-tensorflow, such as `bvlc_alexnet.npy`, read as data."""

from __future__ import annotations

import io
import os
import warnings
from typing import Any, BinaryIO

import numpy as np

from keras_alexnet.weights.formats import pickles
from keras_alexnet.weights.formats.faults import one_line
from keras_alexnet.weights.formats.pickle_program import ORDERED_DICT
from keras_alexnet.weights.formats.pickled_arrays import NUMPY

_EXPECTED = (
    "a whole .npy file as caffe-tensorflow writes it, "
    "one dict {layer: [weights, biases]}"
)
_NAMES = ("weights", "biases")
_MOST_OF_HEADER = 10_000  # bytes, as NumPy 1.24 and later have it
_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npy(path: str | os.PathLike) -> dict[str, list[np.ndarray]]:
    """Reads the values of a network that caffe-tensorflow has converted.

    Such a file is a pickle. It is read without executing anything in it.

    Args:
        path: A `.npy` file.

    Returns:
        `{layer: [kernel, bias]}` as in the file: a convolution's kernel is (height,
        width, in / groups, out), a dense layer's (in, out).

    Raises:
        ValueError: If the file cannot be read, is damaged or has another format.

    Example:

    >>> entries = read_npy("bvlc_alexnet.npy")  # doctest: +SKIP
    >>> entries["fc6"][0].shape  # doctest: +SKIP
    (9216, 4096)

    Reference:
        - https://github.com/ethereon/caffe-tensorflow, kaffe/transformers.py.
    """
    with one_line(_EXPECTED, path), open(path, "rb") as file:
        _check_header(file)
        size = os.fstat(file.fileno()).st_size
        held = pickles.resolved(pickles.load(file, {**NUMPY, **ORDERED_DICT}), size)
        if not isinstance(held, dict) or not held:
            raise ValueError("it holds no dict of layers")
        if not all(type(layer) is str for layer in held):
            raise ValueError("its layers have names that are no texts")
        return {layer: _values(layer, entry) for layer, entry in held.items()}


def _check_header(whole: BinaryIO) -> None:
    # Not more of the file than this: a header says how long it is.
    file = io.BytesIO(whole.read(_MOST_OF_HEADER))
    version = np.lib.format.read_magic(file)
    if version not in _READERS:
        raise ValueError(f"its version of the format is {version}")
    with warnings.catch_warnings():
        # NumPy warns that headers written by Python 2 take longer to read; Python,
        # which evaluates the header's literals, warns of odd ones in a damaged file.
        warnings.simplefilter("ignore")
        shape, _, dtype = _READERS[version](file)
    whole.seek(file.tell())
    if not dtype.hasobject or shape != ():
        raise ValueError(f"it is an array of shape {shape} and type {dtype}")


def _values(layer: Any, entry: Any) -> list[np.ndarray]:
    """The arrays of a layer; later versions of the converter name each of them."""
    if isinstance(entry, dict):
        if not set(entry) <= set(_NAMES):
            raise ValueError(f"layer {layer!r} has {sorted(map(str, entry))[:5]}")
        entry = [entry[name] for name in _NAMES if name in entry]
    if not isinstance(entry, (list, tuple)):
        raise ValueError(f"layer {layer!r} is a {type(entry).__name__}")
    if not all(isinstance(value, np.ndarray) for value in entry):
        raise ValueError(f"layer {layer!r} holds something other than arrays")
    return list(entry)
