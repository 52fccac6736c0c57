"""Stand-ins for PyTorch's names in a pickle: storages and the tensors on them."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal

import numpy as np

from keras_alexnet.weights.formats.pickle_program import (
    ORDERED_DICT,
    Function,
    StandIn,
)
from keras_alexnet.weights.formats.pickled_arrays import AS_READ
from keras_alexnet.weights.formats.pickles import Admitted, Inert, Resolver

ByteOrder = Literal["<", ">"]

_MOST_AXES = 32
_TYPES = {
    "Float": "f4",
    "Double": "f8",
    "Half": "f2",
    "BFloat16": "bfloat16",
    "Long": "i8",
    "Int": "i4",
    "Short": "i2",
    "Char": "i1",
    "Byte": "u1",
    "Bool": "b1",
}


@dataclasses.dataclass(slots=True)
class Storage(Inert):
    """A block of numbers, which the file holds outside the pickle."""

    code: str
    count: int
    values: np.ndarray | None = None

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self.count * self._stored().itemsize

    def fill(self, content: bytes, byte_order: ByteOrder = "<") -> None:
        """Reads its numbers from the file's bytes."""
        if len(content) != self.size:
            raise ValueError(f"a storage has {len(content)} bytes, not {self.size}")
        stored = self._stored().newbyteorder(byte_order)
        values = np.frombuffer(content, stored).astype(self._stored(), copy=False)
        if self.code == "bfloat16":  # the upper half of a float32
            values = (values.astype("u4") << 16).view("f4")
        self.values = values

    def _stored(self) -> np.dtype:
        return np.dtype("u2" if self.code == "bfloat16" else self.code)

    def value(self, resolve: Resolver) -> Any:
        raise ValueError("its pickle holds a storage in place of a tensor")


class Storages(dict[str, Storage]):
    """The storages that a pickle refers to, by their keys."""

    def persistent_load(self, pid: Any) -> Storage:
        # ("storage", type, key, device, number of elements[, view])
        if type(pid) is not tuple or len(pid) not in (5, 6) or pid[0] != "storage":
            raise ValueError("its pickle refers to something other than a storage")
        _, kind, key, _, count = pid[:5]
        known = type(kind) is StandIn and type(key) is str and _is_size(count)
        if not known or any(pid[5:]):
            raise ValueError("its pickle refers to a storage of another form")
        storage = self.setdefault(key, Storage(kind.held, count))
        if (storage.code, storage.count) != (kind.held, count):
            raise ValueError(f"its pickle gives the storage {key!r} two types")
        return storage


@dataclasses.dataclass(slots=True)
class Tensor(Inert):
    """A view of a storage, with an offset and a stride for each axis."""

    storage: Any
    offset: Any
    shape: Any
    strides: Any

    def value(self, resolve: Resolver) -> np.ndarray:
        self._check()
        count, width = math.prod(self.shape), self.storage.values.itemsize
        resolve.charge(count * max(width, AS_READ))
        values = self.storage.values[self.offset :]
        bytes_ = tuple(stride * values.itemsize for stride in self.strides)
        return np.lib.stride_tricks.as_strided(
            values, self.shape, bytes_, writeable=False
        )

    def _check(self) -> None:
        """Raises ValueError unless every element is in the storage, and only once."""
        whole = isinstance(self.storage, Storage) and self.storage.values is not None
        tuples = all(type(x) is tuple for x in (self.shape, self.strides))
        if not whole or not tuples or len(self.shape) != len(self.strides):
            raise ValueError("its pickle holds a tensor of another form")
        sizes = (self.offset, *self.shape, *self.strides)
        if len(self.shape) > _MOST_AXES or not all(map(_is_size, sizes)):
            raise ValueError("its pickle holds a tensor of another form")
        axes = zip(self.shape, self.strides, strict=True)
        last = sum((size - 1) * stride for size, stride in axes)
        # The product too: with a stride of 0 a few numbers could fill any shape.
        if self.offset + max(math.prod(self.shape), last + 1) > self.storage.count:
            raise ValueError("its pickle holds a tensor that overruns its storage")


def _is_size(x: Any) -> bool:
    return type(x) is int and 0 <= x < 2**40


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    """`torch._utils._rebuild_tensor` and `_rebuild_tensor_v2`."""
    return Tensor(storage, offset, shape, strides)


def _parameter(data: Any, *_: Any) -> Any:
    """`torch._utils._rebuild_parameter`: the tensor of a parameter."""
    return data


TORCH: Admitted = {
    **ORDERED_DICT,
    ("torch._utils", "_rebuild_tensor"): Function(_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Function(_tensor),
    ("torch._utils", "_rebuild_parameter"): Function(_parameter),
    **{("torch", f"{name}Storage"): StandIn(code) for name, code in _TYPES.items()},
}
