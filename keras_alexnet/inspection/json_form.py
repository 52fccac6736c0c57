"""The numbers of a report, for JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_alexnet.inspection.findings import Findings, LayerActivity

# What is a picture, or one number for each of its places.
_PICTURES = {"pixels", "kernels", "values", "randomised"}
_DIGITS = 6


def numbers(found: Findings) -> dict[str, Any]:
    """All numbers of findings and no pixels, as JSON holds them.

    Args:
        found: As `look` returns them.

    Returns:
        An object with the fields of `Findings`, each an object with its own fields and
        so on, without `pixels`, `kernels`, the `values` of maps and the activations
        (`LayerActivity.example`). Numbers have six digits; those that are not finite
        are None.

    Example:

    >>> json.dumps(numbers(look(classifier, source)))  # doctest: +SKIP
    """
    held = _plain(found)
    assert isinstance(held, dict)
    return held


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return _object(value, [field.name for field in dataclasses.fields(value)])
    if hasattr(value, "_fields"):
        return _object(value, value._fields)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value


def _object(value: Any, fields: Sequence[str]) -> dict[str, Any]:
    left_out = _PICTURES | ({"example"} if isinstance(value, LayerActivity) else set())
    return {
        name: _plain(getattr(value, name)) for name in fields if name not in left_out
    }
