"""What a classification of pictures answers, wherever it was computed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

OUTPUTS = ("classes", "scores", "valid")
_NEEDED = ("classes", "scores")  # other exports may refuse a batch in place of `valid`
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
        ValueError: If something is missing or of another shape.

    Example:

    >>> outputs = {"classes": [["cat"]], "scores": [[0.9]], "valid": [True]}
    >>> from_outputs(outputs, 1, "here")
    [Answer(valid=True, classes=(('cat', 0.9),))]
    """
    if not all(name in outputs for name in _NEEDED):
        raise ValueError(
            f"{where} must answer with {', '.join(OUTPUTS)}. "
            f"Received: {', '.join(sorted(outputs)) or 'nothing'}"
        )
    classes, scores = (np.asarray(outputs[name]) for name in _NEEDED)
    valid = np.asarray(outputs.get("valid", [True] * count))
    fits = classes.ndim == 2 and classes.shape == scores.shape
    if not fits or len(classes) != count or valid.shape != (count,):
        raise ValueError(
            f"{where} must answer with classes and scores [{count}, k] and valid "
            f"[{count}]. Received: {classes.shape}, {scores.shape} and {valid.shape}"
        )
    rows = zip(classes.tolist(), scores.tolist(), valid.tolist(), strict=True)
    return [_answer(names, values, sound) for names, values, sound in rows]


def _answer(names: list[Any], scores: list[float], valid: bool) -> Answer:
    if not valid:
        return Answer(False)
    # The shortest digits that mean the same float32, not those of its float64.
    short = [float(str(np.float32(score))) for score in scores]
    return Answer(True, tuple(zip(map(_text, names), short, strict=True)))


def _text(name: bytes | str) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name
