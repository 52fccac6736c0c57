"""What a classification of pictures answers, wherever it was computed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_alexnet.reasons import outside, shown

OUTPUTS = ("classes", "scores", "valid")
_NEEDED = ("classes", "scores")  # other exports may refuse a batch in place of `valid`
_LARGEST_SCORE = float(np.finfo(np.float32).max)
_LONGEST_NAME = 10_000
Pictures = Sequence[bytes]


@dataclasses.dataclass(frozen=True)
class Answer:
    """The likeliest classes of one picture, or that it is none.

    Args:
        valid: Whether it could be decoded.
        classes: Name and score of the likeliest classes, best first; none if it is
            not valid.

    Example:

    >>> Answer(True, (("cat", 0.75), ("dog", 0.25))).classes[0]
    ('cat', 0.75)
    """

    valid: bool
    classes: tuple[tuple[str, float], ...] = ()


Classify = Callable[[Pictures], list[Answer]]


def from_outputs(outputs: Mapping[str, Any], count: int, where: str) -> list[Answer]:
    """Makes answers of the outputs of `classify_bytes`.

    Args:
        outputs: `classes` (bytes or strings `[count, k]`), `scores` (`[count, k]`) and
            `valid` (`[count]`, all true if it is not there), as arrays or lists.
        count: How many pictures were asked about.
        where: What gave them, for the message.

    Raises:
        ValueError: If something is missing or of another shape, or a score is no
            finite number.

    Example:

    >>> outputs = {"classes": [["cat"]], "scores": [[0.9]], "valid": [True]}
    >>> from_outputs(outputs, 1, "here")
    [Answer(valid=True, classes=(('cat', 0.9),))]
    """
    if not all(name in outputs for name in _NEEDED):
        raise ValueError(
            f"{where} must answer with {', '.join(OUTPUTS)}. "
            f"Received: {outside(', '.join(sorted(outputs))) or 'nothing'}"
        )
    classes, scores = (_rows(outputs[name]) for name in _NEEDED)
    valid = _listed(outputs.get("valid", [True] * count))
    fits = len(classes) == len(scores) == len(valid) == count
    if not fits or list(map(len, classes)) != list(map(len, scores)):
        raise ValueError(
            f"{where} must answer with classes and scores [{count}, k] and valid "
            f"[{count}]. Received: {', '.join(map(_shape, outputs.values()))}"
        )
    rows = zip(classes, scores, valid, strict=True)
    return [_answer(names, values, sound, where) for names, values, sound in rows]


def _listed(values: Any) -> list[Any]:
    """An array or a list as a list.

    An array of texts would have room for the longest in each of its places.
    """
    found = values.tolist() if isinstance(values, np.ndarray) else values
    return found if isinstance(found, list) else []


def _rows(values: Any) -> list[list[Any]]:
    """`[count, k]` as lists; no rows if it has another shape."""
    rows = _listed(values)
    inner = all(isinstance(each, list) for each in rows)
    return rows if inner and len(set(map(len, rows))) == 1 else []


def _shape(values: Any) -> str:
    rows = _listed(values)
    if rows and isinstance(rows[0], list):
        return f"({len(rows)}, {len(rows[0])})"
    return f"({len(rows)},)"


def _answer(names: list[Any], scores: list[Any], valid: Any, where: str) -> Answer:
    sound = all(map(_is_score, scores)) and all(map(_is_name, names))
    if not isinstance(valid, bool) or (valid and not sound):
        raise ValueError(
            f"{where} must answer with names, finite scores, and whether a picture is "
            f"valid. Received: {shown(names)}, {shown(scores)}, {shown(valid)}"
        )
    if not valid:
        return Answer(False)
    # The shortest digits that mean the same float32, not those of its float64.
    short = [float(str(np.float32(score))) for score in scores]
    return Answer(True, tuple(zip(map(_text, names), short, strict=True)))


def _is_score(value: Any) -> bool:
    real = isinstance(value, (int, float)) and not isinstance(value, bool)
    return real and abs(value) <= _LARGEST_SCORE


def _is_name(name: Any) -> bool:
    return isinstance(name, (bytes, str)) and len(name) <= _LONGEST_NAME


def _text(name: bytes | str) -> str:
    text = name if isinstance(name, str) else name.decode("utf-8", "replace")
    return text.encode("utf-8", "replace").decode()  # JSON can hold half a character
