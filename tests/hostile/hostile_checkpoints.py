"""Checkpoints whose index lies, with checksums that are right all the same."""

from __future__ import annotations

import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from hostile_other_weights import varint
from mutated import mutated_bytes

CASE = """
from pathlib import Path
import numpy as np
from keras_alexnet.weights.checkpoint_files import CheckpointReader

def case(path):
    reader, total = CheckpointReader(Path(path)), 0
    for name in sorted(reader.shapes):
        total += np.asarray(reader.read(name)).nbytes
    size = sum(each.stat().st_size for each in Path(path).parent.glob("*.data-*"))
    return f"{total} bytes of {size}" if total > 100 * size else None
"""
Entries = list[tuple[bytes, Any]]


def _steps(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_TABLE = [_steps(byte) for byte in range(256)]


def checksum(content: bytes) -> int:
    """CRC-32C (polynomial 0x1EDC6F41, reflected), masked as LevelDB has it."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def block(pairs: list[tuple[bytes, bytes]]) -> bytes:
    """A block of a table, with a key in full each time."""
    content = b""
    for key, value in pairs:
        content += varint(0) + varint(len(key)) + varint(len(value)) + key + value
    return content + struct.pack("<II", 0, 1)


def table(pairs: list[tuple[bytes, bytes]], packed: int = 0) -> bytes:
    """A table of one block, as TensorFlow's indexes are."""
    content, handles = b"", []
    last = (pairs[-1][0] if pairs else b"") + b"\xff"
    for each in (block(pairs), block([])):
        handles.append(varint(len(content)) + varint(len(each)))
        body = each + bytes([packed])
        content += body + struct.pack("<I", checksum(body))
    index = block([(last, handles[0])])
    body = index + b"\0"
    footer = handles[1] + varint(len(content)) + varint(len(index))
    content += body + struct.pack("<I", checksum(body))
    return content + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def write_honest(path: Path) -> Entries:
    """Writes a checkpoint; returns its entries, the head first."""
    from tensorflow.core.protobuf import tensor_bundle_pb2 as protos

    values = {"a": np.arange(6.0), "b": np.zeros((2, 3), "f4"), "c": np.int64(4)}
    held = {name: tf.Variable(value) for name, value in values.items()}
    tf.train.Checkpoint(**held).write(str(path))
    content = path.with_name(f"{path.name}.index").read_bytes()
    header = protos.BundleHeaderProto(num_shards=1)
    header.version.producer = 1
    entries: Entries = [(b"", header)]
    for name in sorted(tf.train.load_checkpoint(str(path)).get_variable_to_shape_map()):
        entries.append((name.encode(), None))
    return [(key, value or _entry(content, key)) for key, value in entries]


def _entry(content: bytes, key: bytes) -> Any:
    """The entry of a key, read back from the table that TensorFlow has written."""
    from tensorflow.core.protobuf import tensor_bundle_pb2 as protos

    place, found = 0, b""
    while True:  # from the first block on: shared, own, size, key, value
        shared, own, size = content[place : place + 3]
        found = found[:shared] + content[place + 3 : place + 3 + own]
        place += 3 + own
        if found == key:
            return protos.BundleEntryProto.FromString(content[place : place + size])
        place += size


def shape(entry: Any, rng: random.Random) -> None:
    del entry.shape.dim[:]
    sides = rng.choice([[2**62], [2**31, 2**31], [-1], [2**40, 0], [1] * 300, [2**28]])
    for side in sides:
        entry.shape.dim.add(size=side)


def whole_shape(entry: Any, rng: random.Random) -> None:
    """A shape and a length that agree, and are beyond the file."""
    shape(entry, rng)
    sides = [each.size for each in entry.shape.dim]
    entry.size = min(int(np.prod(sides, dtype=object)) * 4, 2**62) if sides else 4
    entry.size = max(entry.size, 0)


def number(entry: Any, rng: random.Random) -> None:
    field = rng.choice(["offset", "size", "shard_id", "crc32c"])
    wide = [0, 1, 2**40, 2**62, -1, -(2**40)]
    narrow = {"shard_id": [1, -1, 2**31 - 1], "crc32c": [0, 2**32 - 1]}
    setattr(entry, field, rng.choice(narrow.get(field, wide)))


def kind(entry: Any, rng: random.Random) -> None:
    entry.dtype = rng.choice([0, 1, 2, 3, 7, 8, 10, 14, 19, 20, 21, 23, 101, 107])


def unknown(entry: Any, rng: random.Random) -> None:
    entry.shape.unknown_rank = True


def slices(entry: Any, rng: random.Random) -> None:
    for _ in range(rng.choice([1, 1000])):
        entry.slices.add().extent.add(start=0, length=rng.choice([1, 2**40]))


CHANGES: tuple[Callable[[Any, random.Random], None], ...] = (
    shape,
    whole_shape,
    number,
    kind,
    unknown,
    slices,
)


def changed(entries: Entries, rng: random.Random) -> bytes:
    """An index with one entry changed."""
    pairs = [(key, value.SerializeToString()) for key, value in entries]
    index = rng.randrange(len(pairs))
    how = rng.choice(["entry"] * 6 + ["bytes", "head", "twice", "key", "packed"])
    if how in ("entry", "twice"):
        index = max(index, 1)
        entry = type(entries[index][1])()
        entry.CopyFrom(entries[index][1])
        rng.choice(CHANGES)(entry, rng)
        pairs[index] = (pairs[index][0], entry.SerializeToString())
    if how == "twice":
        pairs += [(b"z%04d" % n, pairs[1][1]) for n in range(rng.choice([1, 300]))]
    elif how == "bytes":
        pairs[index] = (pairs[index][0], rng.randbytes(rng.choice([0, 1, 20])))
    elif how == "head":
        head = type(entries[0][1])(num_shards=rng.choice([0, -1, 2, 2**31 - 1]))
        head.endianness = rng.choice([0, 1])
        pairs[0] = (b"", head.SerializeToString())
    elif how == "key":
        pairs[index] = (rng.choice([b"\xff" * 9, b"\x1b[2J", b"a" * 9999, b"_"]), b"")
    return table(pairs, packed=1 if how == "packed" else 0)


def cases(folder: Path, rng: random.Random, count: int) -> list[Any]:
    """Checkpoints of which each but the first has another index or other values."""
    honest = folder / "honest" / "step-1"
    honest.parent.mkdir()
    entries, arguments = write_honest(honest), []
    for index in range(count):
        place = folder / f"{index}"
        shutil.copytree(honest.parent, place)
        path = place / f"step-1.{'data-00000-of-00001' if index % 7 == 6 else 'index'}"
        content = path.read_bytes()
        if index == 1:
            content = table([(key, each.SerializeToString()) for key, each in entries])
        elif index > 1 and (index % 7 == 6 or rng.random() < 0.1):
            content = mutated_bytes(content, rng)
        elif index > 1:
            content = changed(entries, rng)
        path.write_bytes(content)
        arguments.append(str(place / "step-1"))
    return arguments
