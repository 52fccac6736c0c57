"""Stand-ins for NumPy's names in a pickle: arrays, scalars and their types."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_alexnet.weights.formats.pickle_program import Function
from keras_alexnet.weights.formats.pickles import Admitted, Inert, Resolver

_NUMBERS = frozenset(
    (
        "b1",
        *(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)),
        "f2",
        "f4",
        "f8",
    )
)
_OBJECTS = frozenset(("O", "O4", "O8"))  # the number is the size of a pointer
_MOST_AXES = 32
AS_READ = 4  # bytes of a number at least: it becomes a float32


class PickledDtype(Inert):
    """`numpy.dtype(code, align, copy)`, then its state with the byte order."""

    __slots__ = ("code", "state")

    def __init__(self, code: Any, *_: Any) -> None:
        self.code = code
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    @property
    def holds_objects(self) -> bool:
        return isinstance(self.code, str) and self.code in _OBJECTS

    def dtype(self) -> np.dtype:
        # (version, byte order, …) of dtype.__reduce__. The rest describes the fields
        # of a type; types of numbers have none.
        order = "=" if self.state is None else self.state[1]
        plain = isinstance(self.code, str) and self.code in _NUMBERS
        if not plain:
            raise ValueError(
                f"its pickle holds an array of {str(self.code)[:20]!r}, not of numbers"
            )
        return np.dtype(self.code).newbyteorder(order)

    def value(self, resolve: Resolver) -> Any:
        raise ValueError("its pickle holds a type in place of a value")


class PickledArray(Inert):
    """An array: `_reconstruct(ndarray, (0,), b"b")` and a state, or `_frombuffer`."""

    __slots__ = ("content", "dtype", "fortran", "shape")

    def __init__(self, *_: Any) -> None:
        self.__setstate__((None,) * 4)

    def __setstate__(self, state: Any) -> None:
        # (version, shape, type, whether in Fortran's order, content) of
        # ndarray.__reduce__; the oldest pickles have no version.
        self.shape, self.dtype, self.fortran, self.content = state[-4:]

    def value(self, resolve: Resolver) -> Any:
        if not isinstance(self.dtype, PickledDtype) or not _is_shape(self.shape):
            raise ValueError("its pickle holds an array without type or shape")
        if self.dtype.holds_objects:
            return self._objects(resolve)
        count = math.prod(self.shape)
        values = _numbers(self.content, self.dtype, count, resolve)
        return values.reshape(self.shape, order="F" if self.fortran else "C")

    def _objects(self, resolve: Resolver) -> Any:
        """The content of an array of objects: one object, or a list for one axis."""
        axes, count = len(self.shape), math.prod(self.shape)
        if axes > 1 or type(self.content) is not list or len(self.content) != count:
            raise ValueError("its pickle holds an array of objects of several axes")
        return resolve(self.content) if axes else resolve(self.content[0])


class PickledScalar(Inert):
    """`scalar(dtype, content)`."""

    __slots__ = ("content", "dtype")

    def __init__(self, dtype: Any, content: Any) -> None:
        self.dtype, self.content = dtype, content

    def value(self, resolve: Resolver) -> Any:
        if not isinstance(self.dtype, PickledDtype):
            raise ValueError("its pickle holds a number without type")
        return _numbers(self.content, self.dtype, 1, resolve)[0].item()


class Encoded(Inert):
    """`_codecs.encode(text, "latin1")`: Python 3 writes bytes so for Python 2."""

    __slots__ = ("encoding", "text")

    def __init__(self, text: Any, encoding: Any) -> None:
        self.text, self.encoding = text, encoding

    def value(self, resolve: Resolver) -> bytes:
        # An encoding is a module that Python looks up by its name.
        if type(self.text) is not str or self.encoding != "latin1":
            raise ValueError("its pickle encodes something other than bytes")
        return _encoded(self.text, resolve)


def _from_buffer(content: Any, dtype: Any, shape: Any, order: Any) -> PickledArray:
    array = PickledArray()
    array.__setstate__((shape, dtype, order == "F", content))
    return array


def _no_bytes() -> bytes:
    """`bytes()`, with which it writes empty bytes."""
    return b""


def _numbers(
    content: Any, pickled: PickledDtype, count: int, resolve: Resolver
) -> np.ndarray:
    dtype = pickled.dtype()
    if type(content) is str:  # Python 2's
        content = _encoded(content, resolve)
    elif isinstance(content, Encoded):
        content = resolve(content)
    if not isinstance(content, (bytes, bytearray)):
        raise ValueError("its pickle holds an array without content")
    if len(content) != dtype.itemsize * count:
        raise ValueError(
            f"its pickle holds an array of {len(content)} bytes in place of "
            f"{dtype.itemsize * count}"
        )
    resolve.charge(count * max(dtype.itemsize, AS_READ))
    return np.frombuffer(content, dtype).astype(dtype.newbyteorder("="), copy=False)


def _encoded(text: str, resolve: Resolver) -> bytes:
    resolve.charge(len(text))
    return text.encode("latin1")


def _is_shape(shape: Any) -> bool:
    sizes = type(shape) is tuple and len(shape) <= _MOST_AXES
    return sizes and all(type(size) is int and 0 <= size < 2**63 for size in shape)


# NumPy 2 moved numpy.core to numpy._core; pickles have either name.
NUMPY: Admitted = {
    ("numpy", "dtype"): Function(PickledDtype),
    ("numpy", "ndarray"): Function(PickledArray),
    ("_codecs", "encode"): Function(Encoded),
    ("__builtin__", "bytes"): Function(_no_bytes),
    **{
        (f"numpy.{core}.{module}", name): Function(stand_in)
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", PickledArray),
            ("multiarray", "scalar", PickledScalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
}
