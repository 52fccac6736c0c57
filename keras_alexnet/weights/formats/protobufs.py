"""Protocol buffers, counted before they are parsed: an empty message has two bytes.

Parsed, it takes a hundred. A network has some hundred messages, and nearly all bytes of
its file are in a few fields with values.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError

_MOST_FIELDS = 50_000
_DEEPEST = 32
_MOST_OF_NUMBERS = 2**20  # bytes; whole numbers of 1 byte take up to 8 when parsed
# https://protobuf.dev/programming-guides/encoding/, "Message Structure".
_VARINT, _LONG, _BYTES, _SHORT = 0, 1, 2, 5


def check_fields(content: bytes, descriptor: Any) -> None:
    """Checks that a message has no more fields than a network may have.

    Args:
        content: A message.
        descriptor: Of its type.

    Raises:
        ValueError: If it has.
        DecodeError: If it is none.
    """
    _Counted().walk(content, descriptor, 0, len(content), 0)


class _Counted:
    """Counts the fields of a message, and of all within it."""

    def __init__(self) -> None:
        self._fields = 0

    def walk(
        self, content: bytes, descriptor: Any, place: int, end: int, depth: int
    ) -> None:
        known = descriptor.fields_by_number
        while place < end:
            self._fields += 1
            if self._fields > _MOST_FIELDS or depth > _DEEPEST:
                raise ValueError(f"it has more than {_MOST_FIELDS} fields, or too deep")
            tag, place = varint(content, place)
            start, place = _value(content, place, tag & 7)
            if place > end:
                raise DecodeError("it is damaged: a field ends behind its message")
            field = known.get(tag >> 3)
            if tag & 7 != _BYTES or field is None:
                continue
            if field.message_type is not None:
                self.walk(content, field.message_type, start, place, depth + 1)
            elif _grows(field) and place - start > _MOST_OF_NUMBERS:
                raise ValueError(f"it has {place - start:,} bytes of {field.name}")


def _grows(field: Any) -> bool:
    """Whether a field holds whole numbers of 64 bits, each of which may have a byte."""
    kinds = (field.CPPTYPE_INT64, field.CPPTYPE_UINT64)
    return field.cpp_type in kinds


def _value(content: bytes, place: int, wire: int) -> tuple[int, int]:
    """Where the value of a field begins and ends."""
    if wire == _VARINT:
        return place, varint(content, place)[1]
    if wire == _BYTES:
        size, place = varint(content, place)
        return place, place + size
    if wire in (_LONG, _SHORT):
        return place, place + (8 if wire == _LONG else 4)
    raise DecodeError("it is damaged: a field is of no known kind")


def varint(content: bytes, place: int) -> tuple[int, int]:
    """A whole number of 7 bits a byte, and the place behind it.

    Raises:
        DecodeError: If the content ends within it, or it has more than 70 bits.
    """
    number = 0
    for shift in range(0, 70, 7):
        if place >= len(content):
            raise DecodeError("it is damaged: it ends too early")
        byte = content[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
    raise DecodeError("it is damaged: a number is too long")
