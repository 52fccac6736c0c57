"""Pickles put together opcode by opcode, with no module of theirs imported.

The opcodes are those that Python's `pickletools` documents.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # PyTorch's, before its release 1.6
SYSTEM = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {}}


def whole(body: bytes) -> bytes:
    """A pickle of protocol 2."""
    return b"\x80\x02" + body + b"."


def value(x: object) -> bytes:
    """Anything of the plain kinds."""
    return pickle.dumps(x, 2)[2:-1]


def old_string(text: bytes) -> bytes:
    """A string as Python 2 pickles it: BINSTRING."""
    return b"T" + struct.pack("<i", len(text)) + text


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def row(*items: bytes) -> bytes:
    """A tuple."""
    return b"(" + b"".join(items) + b"t"


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + row(*arguments) + b"R"


def build(made: bytes, state: bytes) -> bytes:
    return made + state + b"b"


def table(items: Mapping[str, bytes]) -> bytes:
    """A dict."""
    pairs = b"".join(value(key) + item for key, item in items.items())
    return b"}(" + pairs + b"u"


def array(shape: tuple[int, ...], code: str, content: bytes) -> bytes:
    """An array as NumPy 1 under Python 2 pickles it."""
    dtype = call(name("numpy", "dtype"), value(code), value(0), value(1))
    order, flags = (b"|", 63) if code.startswith("O") else (b"<", 0)
    unstructured = old_string(order) + b"NNN" + value(-1) + value(-1)
    state = row(value(3), unstructured, value(flags))
    kind = name("numpy", "ndarray")
    made = call(
        name("numpy.core.multiarray", "_reconstruct"), kind, value((0,)), value("b")
    )
    return build(
        made, row(value(1), value(shape), build(dtype, state), value(False), content)
    )


def tensor(
    count: int,
    shape: object,
    strides: object,
    offset: object = 0,
    key: str = "0",
    kind: str = "Float",
) -> bytes:
    """A tensor as PyTorch pickles it, on a storage of `count` elements."""
    storage_type = name("torch", f"{kind}Storage")
    pid = row(value("storage"), storage_type, value(key), value("cpu"), value(count))
    hooks = call(name("collections", "OrderedDict"))
    return call(
        name("torch._utils", "_rebuild_tensor_v2"),
        pid + b"Q",
        *map(value, (offset, shape, strides, False)),
        hooks,
    )


def write_torch_zip(
    path: Path, body: bytes, records: Mapping[str, bytes], compression: int = 0
) -> Path:
    """Writes the form of PyTorch since 1.6."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", whole(body))
        for key, content in records.items():
            archive.writestr(f"archive/{key}", content)
    return path


def write_torch_legacy(
    path: Path, body: bytes, storages: Mapping[str, bytes], itemsize: int = 4
) -> Path:
    """Writes the form before."""
    file = io.BytesIO()
    for head in (MAGIC, PROTOCOL, SYSTEM):
        file.write(whole(value(head)))
    file.write(whole(body))
    file.write(whole(value(list(storages))))
    for content in storages.values():
        file.write(struct.pack("<q", len(content) // itemsize) + content)
    path.write_bytes(file.getvalue())
    return path
