"""PyTorch's `.pth` files of a state dict, read without PyTorch and as data only."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from typing import Any, BinaryIO

import numpy as np

from keras_alexnet.weights.formats import archives, pickles
from keras_alexnet.weights.formats.faults import one_line
from keras_alexnet.weights.formats.torch_tensors import TORCH, ByteOrder, Storages

_EXPECTED = "a whole PyTorch file that holds a state dict, {name: tensor}"
# torch/serialization.py, _legacy_save: how files from before PyTorch 1.6 begin.
_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_ZIP = b"PK\x03\x04"
_MOST_OF_ORDER = 20  # bytes


def read_state_dict(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads the tensors of a state dict, from both formats that PyTorch has written.

    Nothing that such a file names is executed, and PyTorch is not needed.

    Args:
        path: A file that `torch.save(model.state_dict(), path)` has written, or a
            file with a dict whose entry `"state_dict"` is one.

    Returns:
        `{name: array}`; bfloat16, which NumPy lacks, becomes float32. The arrays are
        read-only.

    Raises:
        ValueError: If the file cannot be read, is damaged or has another format.

    Example:

    >>> state = read_state_dict("alexnet-owt-7be5be79.pth")  # doctest: +SKIP
    >>> state["features.0.weight"].shape  # doctest: +SKIP
    (64, 3, 11, 11)

    Reference:
        - PyTorch, torch/serialization.py and torch/_utils.py.
    """
    with one_line(_EXPECTED, path), open(path, "rb") as file:
        read = _read_zip if file.read(len(_ZIP)) == _ZIP else _read_legacy
        size = os.fstat(file.fileno()).st_size
        file.seek(0)
        return _state(pickles.resolved(read(file), size))


def _state(held: Any) -> dict[str, np.ndarray]:
    if isinstance(held, dict) and isinstance(held.get("state_dict"), dict):
        held = held["state_dict"]
    if not isinstance(held, dict) or not held:
        raise ValueError("it holds no state dict")
    for name, value in held.items():
        if not isinstance(name, str) or not isinstance(value, np.ndarray):
            raise ValueError(f"{str(name)[:60]!r} is a {type(value).__name__}")
    return held


def _read_zip(file: BinaryIO) -> Any:
    """The format since PyTorch 1.6: ROOT/data.pkl, and storages in ROOT/data/KEY."""
    storages = Storages()
    with archives.opened(file, "PyTorch") as archive:
        roots = [
            name[: -len("data.pkl")]
            for name in archive.namelist()
            if name.endswith("/data.pkl")
        ]
        if len(roots) != 1:
            raise ValueError("it is a zip archive without PyTorch's data.pkl")
        content = io.BytesIO(archive.read(f"{roots[0]}data.pkl"))
        built = pickles.load(content, TORCH, storages.persistent_load)
        order = _byte_order(archive, roots[0])
        for key, storage in storages.items():
            storage.fill(archive.read(f"{roots[0]}data/{key}"), order)
    return built


def _byte_order(archive: zipfile.ZipFile, root: str) -> ByteOrder:
    name = f"{root}byteorder"  # since PyTorch 2.1
    order = b"little"
    if name in archive.namelist():
        order = archives.read(archive, name, _MOST_OF_ORDER)
    if order not in (b"little", b"big"):
        raise ValueError(f"its byte order is {order!r}")
    return "<" if order == b"little" else ">"


def _read_legacy(file: BinaryIO) -> Any:
    """The format before: several pickles, then the storages by their keys."""
    storages = Storages()
    if pickles.load(file, {}) != _MAGIC or pickles.load(file, {}) != _PROTOCOL:
        raise ValueError("it does not begin like a file of PyTorch")
    system = pickles.load(file, {})
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ValueError("it comes from a big-endian machine")
    built = pickles.load(file, TORCH, storages.persistent_load)
    keys = pickles.load(file, {})
    listed = type(keys) is list and all(type(key) is str for key in keys)
    if not listed or sorted(keys) != sorted(storages):
        raise ValueError("its storages are not those that its pickle refers to")
    for key in keys:
        storage = storages[key]
        (count,) = struct.unpack("<q", _take(file, 8))
        if count != storage.count:
            raise ValueError(f"a storage has {count} elements, not {storage.count}")
        storage.fill(_take(file, storage.size))
    return built


def _take(file: BinaryIO, size: int) -> bytes:
    """Reads this many bytes; checks first that the file has them."""
    if size > os.fstat(file.fileno()).st_size - file.tell():
        raise ValueError("it ends too early")
    return file.read(size)
