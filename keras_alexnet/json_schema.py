"""What a JSON file must hold, declared as types: the one place that checks it.

A kind is `int`, `float`, `str`, `bool`, `dict` or `list`; `list[KIND]`,
`dict[str, KIND]`, `KIND | None` or a `Literal`; `tuple[KIND, ...]` or
`tuple[KIND, KIND]`, lists in JSON; a dataclass, whose fields are the members of an
object, those with a default optional; or `Annotated[KIND, …]` with a `Within` or a
`Length`.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import sys
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from keras_alexnet.reasons import outside, reason

_LARGEST = 2**63 - 1


@dataclasses.dataclass(frozen=True)
class Within:
    """The least and the largest that a number may be."""

    least: float
    most: float


@dataclasses.dataclass(frozen=True)
class Length:
    """How many entries a list must have."""

    entries: int


COUNT = Annotated[int, Within(0, _LARGEST)]
FINITE = Annotated[float, Within(-sys.float_info.max, sys.float_info.max)]
THREE = Annotated[list[FINITE], Length(3)]


def loaded(text: str | bytes) -> Any:
    """What a JSON text holds.

    Raises:
        ValueError: If it is none, or lists within lists are too deep.

    Example:

    >>> loaded("[1, 2]")
    [1, 2]
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(reason(error)) from None


def fault(value: Any, kind: Any, name: str = "") -> str | None:
    """The first member of a JSON value that is not what it must be.

    Args:
        value: What `loaded` returned.
        kind: What it must be, as above.
        name: Its own name; empty for the whole file.

    Returns:
        The member and what is wrong with it, without its value, which may be anything;
        None if all is right.

    Example:

    >>> print(fault({"sizes": [1, "2"]}, dict[str, list[int]]))
    'sizes[1]' is no int
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return fault(value, parts[0], name) or _beyond(value, parts[1], name)
    if origin in (Union, types.UnionType):
        faults = [fault(value, each, name) for each in parts]
        return faults[0] if all(faults) else None
    if origin is Literal:
        return None if value in parts else _said(name, f"is none of {list(parts)}")
    if dataclasses.is_dataclass(kind):
        return _fault_in_object(value, kind, name)
    if origin is tuple:
        return _fault_in_tuple(value, parts, name)
    if not _is(value, origin or kind):
        return _said(name, f"is no {getattr(origin or kind, '__name__', kind)}")
    return _fault_in_entries(value, parts, name)


def _is(value: Any, kind: Any) -> bool:
    if kind is float:  # or written as a whole number; NaN and infinity too
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and abs(value) <= _LARGEST
    if kind is str:
        return isinstance(value, str) and _is_text(value)
    if kind is list:  # or what will be one in JSON
        return isinstance(value, (list, tuple))
    return isinstance(value, kind)


def _is_text(value: str) -> bool:
    """Whether it is a text or the name of a file: JSON can hold half a character."""
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        return False
    return True


def _fault_in_entries(value: Any, parts: tuple[Any, ...], name: str) -> str | None:
    if isinstance(value, (list, tuple)) and parts:
        named = ((f"{name}[{index}]", each) for index, each in enumerate(value))
    elif isinstance(value, dict) and parts:
        if not all(map(_is_text, value)):
            return _said(name, "has a name that is no text")
        named = ((_joined(name, key), each) for key, each in value.items())
    else:
        return None
    faults = (fault(each, parts[-1], inner) for inner, each in named)
    return next(filter(None, faults), None)


def _fault_in_tuple(value: Any, parts: tuple[Any, ...], name: str) -> str | None:
    if parts[-1] is Ellipsis:
        return fault(value, types.GenericAlias(list, parts[:1]), name)
    found = fault(value, Annotated[list, Length(len(parts))], name)
    if found:
        return found
    pairs = enumerate(zip(value, parts, strict=True))
    faults = (fault(each, kind, f"{name}[{index}]") for index, (each, kind) in pairs)
    return next(filter(None, faults), None)


def _fault_in_object(value: Any, kind: Any, name: str) -> str | None:
    if not isinstance(value, dict):
        return _said(name, "is no object")
    fields = _fields(kind)
    for member, (inner, needed) in fields.items():
        if member not in value and needed:
            return _said(_joined(name, member), "is missing")
        found = member in value and fault(value[member], inner, _joined(name, member))
        if found:
            return found
    unknown = next((each for each in value if each not in fields), None)
    return None if unknown is None else _said(_joined(name, unknown), "is unknown")


@functools.cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """The kind of each field, and whether it must be there."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        each.name: (
            hints[each.name],
            each.default is dataclasses.MISSING
            and each.default_factory is dataclasses.MISSING,
        )
        for each in dataclasses.fields(kind)
    }


def _beyond(value: Any, limit: Within | Length, name: str) -> str | None:
    if isinstance(limit, Length):
        right = len(value) == limit.entries
        return None if right else _said(name, f"has not {limit.entries} entries")
    if limit.least <= value <= limit.most:
        return None
    most = "" if limit.most == _LARGEST else f" to {limit.most:g}"
    return _said(name, f"is not from {limit.least:g}{most or ' on'}")


def _joined(name: str, member: str) -> str:
    return f"{name}.{member}" if name else member


def _said(name: str, what: str) -> str:
    shown = f"'{outside(name, 80)}'" if name else "the file"
    return f"{shown} {what}"
