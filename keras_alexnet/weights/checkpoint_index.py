"""The index of a checkpoint, checked before TensorFlow reads it.

TensorFlow ends the process at an index that is no index in spite of right checksums,
and makes room for whatever shape one states. Here every value must be as long as its
shape says, and be within the file of the values.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf import message
from tensorflow.core.protobuf import tensor_bundle_pb2 as protos

from keras_alexnet.weights.formats.protobufs import varint

# A table as LevelDB has it: https://github.com/google/leveldb, doc/table_format.md.
_FOOTER, _MAGIC = 48, 0xDB4775248B80FB57
_MOST_BYTES = 2**24  # an AlexNet's index has some 2,000
_TRAILER = 5  # bytes behind a block: whether it is compressed, and a checksum
_LARGEST = 2**62


def check_index(path: Path) -> None:
    """Checks what the index of a checkpoint says of its values.

    Args:
        path: The checkpoint.

    Raises:
        ValueError: If it is damaged, or says what cannot be.
        OSError: If it cannot be read.

    Reference:
        - TensorFlow, tensorflow/core/protobuf/tensor_bundle.proto.
    """
    try:
        index = _content(path.with_name(f"{path.name}.index"))
        values = [value for _, value in _entries(index)]
        if not values:
            raise ValueError("its index is empty")
        _check_values(path, values[0], values[1:])
    except (struct.error, IndexError, message.DecodeError) as error:
        raise ValueError(f"its index cannot be read: {error}") from None


def _check_values(path: Path, head: bytes, entries: list[bytes]) -> None:
    header = protos.BundleHeaderProto.FromString(head)
    if not 1 <= header.num_shards <= 1000:
        raise ValueError(f"its index names {header.num_shards} files of values")
    sizes = [
        _size(path, shard, header.num_shards) for shard in range(header.num_shards)
    ]
    total = 0
    for content in entries:
        entry = protos.BundleEntryProto.FromString(content)
        _check_shape(entry)
        end = entry.offset + entry.size
        within = 0 <= entry.shard_id < len(sizes) and 0 <= entry.offset <= end
        if not within or end > sizes[entry.shard_id]:
            raise ValueError("its index says that values are where the file has none")
        total += entry.size
    if total > sum(sizes):
        raise ValueError("its index says that values overlap")


def _size(path: Path, shard: int, shards: int) -> int:
    place = path.with_name(f"{path.name}.data-{shard:05d}-of-{shards:05d}")
    if not place.is_file():
        raise ValueError("its data file is missing")
    return place.stat().st_size


def _check_shape(entry: Any) -> None:
    """Raises ValueError unless a value is as long as its shape and type say."""
    sides = [each.size for each in entry.shape.dim]
    if entry.slices or entry.shape.unknown_rank or min(sides, default=0) < 0:
        raise ValueError("its index has a value of unknown shape")
    count = 0 if 0 in sides else math.prod(sides)
    try:
        kind = tf.as_dtype(entry.dtype)
    except TypeError:
        raise ValueError(f"its index has a value of the type {entry.dtype}") from None
    if kind == tf.string:  # each is at least one byte, its length
        right = count <= entry.size
    else:
        right = kind.size > 0 and count * kind.size == entry.size
    if not right or max(sides, default=0) > _LARGEST or len(sides) > 32:
        raise ValueError("its index has a value of another length than its shape")


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise OSError(f"{path} is no file")
    with open(path, "rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError("its index is far too long")
    return content


def _entries(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of a table, in its order."""
    footer = content[-_FOOTER:]
    if len(footer) < _FOOTER or struct.unpack("<Q", footer[-8:])[0] != _MAGIC:
        raise ValueError("its index is no table of values")
    _, _, place = _handle(footer, 0)
    start, size, _ = _handle(footer, place)
    left = len(content)
    for _, handle in _of_block(_block(content, start, size)):
        start, size, _ = _handle(handle, 0)
        left -= size
        if left < 0:
            raise ValueError("its index holds blocks that overlap")
        yield from _of_block(_block(content, start, size))


def _handle(content: bytes, place: int) -> tuple[int, int, int]:
    """Where a block is, its bytes, and the place behind what says so."""
    start, place = varint(content, place)
    size, place = varint(content, place)
    return start, size, place


def _block(content: bytes, start: int, size: int) -> bytes:
    if start + size + _TRAILER > len(content):
        raise ValueError("its index ends too early")
    if content[start + size]:
        raise ValueError("its index is compressed, which TensorFlow's are not")
    return content[start : start + size]


def _of_block(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of a block; a key begins as much of the last one does."""
    (restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 * (restarts + 1)
    place, key = 0, b""
    while place < end:
        shared, place = varint(block, place)
        own, place = varint(block, place)
        size, place = varint(block, place)
        if shared > len(key) or place + own + size > end:
            raise ValueError("its index ends too early")
        key = key[:shared] + block[place : place + own]
        yield key, block[place + own : place + own + size]
        place += own + size
