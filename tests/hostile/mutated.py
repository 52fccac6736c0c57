"""Changes what is in a file, as an attacker or a failing disk would."""

from __future__ import annotations

import copy
import random
from typing import Any

# What may come in the place of any member of a JSON value.
VALUES: list[Any] = [None, True, -1, 0, 3, 2**31, 2**63, 10**400, 0.5, float("nan")]
VALUES += [1e400, "", "text", "\ud800", "/etc/passwd", "../x", "a\0b", [], [[]], {}]
VALUES += [[1], {"a": 1}, [None], {"train": []}, "\x1b[31m\u202e\x9b2J" * 3]
VALUES += ["long " * 200_000, 1e300, -1e-320]
# What may come in the place of some bytes of any file.
_BYTES = [b"", b"\0", b"\xff", b"\n", b"=", b",", b'"', b"-", b"9" * 6000, b"1e999"]
_BYTES += [b"nan", b"\x1b[2J", b"\xe2\x80\xae", b"[" * 3000, b"x" * 200_000]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all members of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, each in inner:
        found.append((*path, key))
        if isinstance(each, (dict, list)):
            found += places(each, (*path, key))
    return found


def mutated_json(content: dict[str, Any], rng: random.Random) -> tuple[str, dict]:
    """An object with one member replaced, removed, added or given twice.

    Returns:
        The path of the member, with dots, and the changed object.
    """
    changed = copy.deepcopy(content)
    *above, last = rng.choice(places(content))
    holder: Any = changed
    for key in above:
        holder = holder[key]
    how = rng.choice(["replace"] * 5 + ["remove", "more"])
    if how == "replace":
        holder[last] = rng.choice(VALUES)
    elif how == "remove":
        del holder[last]
    elif isinstance(holder, list):
        holder.append(copy.deepcopy(holder[last]))
    else:
        holder[f"{last}2"] = holder[last]
    return ".".join(map(str, (*above, last))), changed


def mutated_bytes(content: bytes, rng: random.Random) -> bytes:
    """Bytes of which some were replaced, cut off, given twice or moved."""
    start = rng.randrange(len(content) + 1)
    end = min(len(content), start + rng.choice([0, 1, 1, 4, 40]))
    how = rng.choice(["replace"] * 4 + ["flip", "cut", "twice"])
    if how == "flip" and content:
        place = rng.randrange(len(content))
        flipped = bytes([content[place] ^ 1 << rng.randrange(8)])
        return content[:place] + flipped + content[place + 1 :]
    if how == "cut":
        return content[:start]
    if how == "twice":
        return content + content[start:]
    return content[:start] + rng.choice(_BYTES) + content[end:]
